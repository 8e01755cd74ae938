"""Specifications: what they refuse, and the names that their content gives them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from qsched.schedules import Ana, LearningRate, Override, Schedule, Window
from qsched.specs import (
    Budget,
    Confirmation,
    DataSpec,
    NetworkSpec,
    OptimizerSpec,
    Precision,
    Run,
    Rung,
    RunResult,
    SamplerSpec,
    StaticArm,
    StudySpec,
    TaskSpec,
    digest,
)

TASK: dict[str, Any] = {
    "data": {"name": "digits", "validation": 400},
    "network": {"name": "mlp9"},
    "epochs": 10,
    "batch_size": 32,
}
STUDY: dict[str, Any] = {
    "name": "digits-ana",
    "task": TASK,
    "space": "ana",
    "baselines": ["ana-ste-static"],
    "budget": {"trials": 4},
}
RESULT: dict[str, Any] = {"key": "k", "status": "finished", "steps": 1, "seconds": 0.5}


def _faults(model: type[BaseModel], content: dict[str, Any]) -> set[str]:
    """Return the places at which ``content`` is refused."""
    try:
        model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        return {".".join(map(str, fault["loc"])) for fault in error.errors()}
    return set()


@pytest.mark.parametrize(
    ("model", "good", "bad"),
    [
        (
            DataSpec,
            TASK["data"],
            {"name": 3, "train": 0, "validation": 0, "pool": 0, "augment": 1, "extra": 1},
        ),
        (NetworkSpec, TASK["network"], {"name": None, "width": 0}),
        (Precision, {}, {"weights": "3-bit", "activations": "", "first": "yes", "last": 0}),
        (
            OptimizerSpec,
            {},
            {
                "name": "lion",
                "learning_rate": 0,
                "momentum": 1,
                "eps": 0,
                "weight_decay": -1,
                "clip": 0,
            },
        ),
        (OptimizerSpec, {}, {"betas.1": 1.0}),
        (TaskSpec, TASK, {"data": 1, "network": 1, "epochs": 0, "batch_size": 1.5}),
        (Rung, {"seeds": 2}, {"seeds": 1, "length": 1.01}),
        (Rung, {"seeds": 10_000}, {"seeds": 10_001}),
        (SamplerSpec, {}, {"name": "grid", "batch": 0, "startup": -1, "ahead": 17}),
        (StaticArm, {}, {"backward_std": []}),
        (StaticArm, {}, {"backward_std.1": 0}),
        (StaticArm, {"backward_std": [0.5, 0.50000001]}, {"backward_std": [0.5, 0.5]}),
        (Budget, {"trials": 1}, {"trials": 0, "learning_rates": [1.0, 2.0, 1.0], "rungs": []}),
        (Confirmation, {}, {"selection_seeds": 10_001, "report_seeds": 200_000}),
        (StudySpec, STUDY, {"seed": 10**9 + 1, "baselines": ["ede", "ede"]}),
        (StudySpec, {**STUDY, "seed": 10**9}, {"baselines": ["a/ede.yaml", "b/ede.yaml"]}),
        (StudySpec, STUDY, {"baselines": ["mine/static-0.5.yaml"]}),
        (
            Budget,
            {"trials": 1},
            {"trials": 0, "rank_correlation": 1.5, "learning_rates": [], "rungs": 3},
        ),
        (
            Confirmation,
            {},
            {
                "candidates": 0,
                "baselines": 0,
                "selection_seeds": 1,
                "report_seeds": 2,
                "level": 0.5,
            },
        ),
        (
            StudySpec,
            STUDY,
            {
                "format": "qsched/study/2",
                "name": "Digits",
                "space": None,
                "baselines": [],
                "lanes": 0,
                "seed": -1,
                "colour": 1,
            },
        ),
        (RunResult, RESULT, {"key": 1, "status": "done", "steps": 0.5, "seconds": "1"}),
    ],
)
def test_all_faults_are_reported_together(
    model: type[BaseModel], good: dict[str, Any], bad: dict[str, Any]
) -> None:
    assert _faults(model, good) == set()
    assert _faults(model, {**good, **_nested(bad)}) == set(bad)


def _nested(bad: dict[str, Any]) -> dict[str, Any]:
    """Turn ``{"betas.1": b}`` into ``{"betas": [0.5, b]}``."""
    content: dict[str, Any] = {}
    for place, value in bad.items():
        name, _, index = place.partition(".")
        content[name] = [0.5] * int(index) + [value] if index else value
    return content


def test_faults_of_nested_models_are_reported_with_the_others() -> None:
    content = {
        **STUDY,
        "name": "",
        "task": {**TASK, "data": {"name": "digits"}, "network": {"name": "mlp9", "depth": 3}},
    }
    assert _faults(StudySpec, content) == {"name", "task.data.validation", "task.network.depth"}


@pytest.mark.parametrize(
    ("rungs", "good"),
    [
        ([(1.0, 2)], True),
        ([(0.5, 4), (1.0, 2), (1.0, 4)], True),
        ([], False),
        ([(0.5, 2)], False),
        ([(1.0, 2), (0.5, 4)], False),
        ([(1.0, 4), (1.0, 2)], False),
        ([(1.0, 2), (1.0, 2)], False),
    ],
)
def test_the_ladder_climbs(rungs: list[tuple[float, int]], good: bool) -> None:
    content = {"trials": 1, "rungs": [{"length": n, "seeds": s} for n, s in rungs]}
    assert (_faults(Budget, content) == set()) is good


@pytest.mark.parametrize("constant", ["NaN", "Infinity"])
def test_numbers_are_finite(constant: str) -> None:
    with pytest.raises(ValidationError):
        OptimizerSpec.model_validate_json(f'{{"learning_rate": {constant}}}')


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DataSpec(name="digits", validation=1).name = "mnist"  # type: ignore[misc]


def test_digest_is_that_of_the_canonical_text() -> None:
    text = '{"augment":false,"name":"digits","pool":1,"train":null,"validation":400}'
    expected = hashlib.sha256(text.encode()).hexdigest()
    assert digest(DataSpec(validation=400, name="digits")) == expected


def test_a_round_trip_keeps_the_key() -> None:
    run = _run()
    assert Run.model_validate_json(run.model_dump_json()).key == run.key
    assert Run(**{**dict(run), "length": 1}).key == Run(**{**dict(run), "length": 1.0}).key


def _run() -> Run:
    noise = Ana(forward_std=0.5, backward_std=0.5)
    schedule = Schedule(
        weights=noise,
        activations=noise,
        learning_rate=LearningRate(initial=0.01),
        overrides=(Override(role="weights", window=Window(end=0.75)),),
    )
    task = TaskSpec.model_validate_json(json.dumps(TASK))
    return Run(task=task, schedule=schedule, seed=3, length=0.5)


# Of a few values of every type, at least one other than its own must suit a field.
VALUES = [
    *(True, False, 1, 2, 5, 0.25, 0.75, 2.5, "sgd", "binary", "test", "other", "activations"),
    *("cosine", "normal", "mode", "static", [0.0, 0.5], {"start": 0.1}, {"shape": "cosine"}),
]
FIXED = {"kind", "shape"}  # tags: they have one value in each model


def _leaves(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in items:
        if isinstance(value, dict | list) and value:
            yield from _leaves(value, (*path, key))
        elif key not in FIXED:
            yield (*path, key)


def _others(content: dict[str, Any], path: tuple[Any, ...]) -> Iterator[Run]:
    """Yield the valid runs that differ from ``content`` in the leaf at ``path`` alone."""
    for value in VALUES:
        changed = json.loads(json.dumps(content))
        place = changed
        for key in path[:-1]:
            place = place[key]
        if type(value) is type(place[path[-1]]) and value == place[path[-1]]:
            continue
        place[path[-1]] = value
        try:
            run = Run.model_validate_json(json.dumps(changed))
        except ValidationError:
            continue
        if run != Run.model_validate_json(json.dumps(content)):
            yield run


@pytest.mark.parametrize(
    "path", list(_leaves(_run().model_dump(mode="json"))), ids=lambda p: ".".join(map(str, p))
)
def test_the_key_of_a_run_differs_with_every_field(path: tuple[Any, ...]) -> None:
    others = list(_others(_run().model_dump(mode="json"), path))
    assert others, "no other value of this field is valid; add one to VALUES"
    keys = {other.key for other in others}
    assert _run().key not in keys
    assert len(keys) == len({other.model_dump_json() for other in others})


def test_batches_ahead_are_told_in_hash_and_file_only_where_there_are_some() -> None:
    assert SamplerSpec().model_dump().keys() == {"name", "batch", "startup"}
    assert digest(SamplerSpec(ahead=0)) == digest(SamplerSpec()) != digest(SamplerSpec(ahead=1))
    with pytest.raises(ValueError, match="train alone, but ahead is 1"):
        SamplerSpec(name="pbt", ahead=1)
