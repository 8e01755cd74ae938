"""Samplers: a pure function of the history, in every flavor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from optuna.trial import FrozenTrial, create_trial

from qsched.spaces import load_space
from qsched.specs import SamplerSpec
from qsched.study import sampling
from qsched.study.dimensions import dimensions, distributions
from qsched.study.sampling import Asked, ask

SPACE = load_space("ana")
NAMES = ("tpe", "random", "qmc", "gp", "cmaes")


def finished(asked: Asked, value: float, kind: str = "candidate") -> FrozenTrial:
    return create_trial(
        params=asked.params,
        distributions=asked.distributions,
        system_attrs=asked.system_attrs,
        value=value,
        user_attrs={"kind": kind},
    )


def batch(
    name: str,
    history: list[FrozenTrial],
    number: int,
    seed: int = 0,
    pending: Sequence[Asked] = (),
) -> list[Asked]:
    spec = SamplerSpec(name=name, batch=4, startup=4)
    return list(ask(SPACE, spec, history, 4, seed=seed, batch=number, pending=pending))


@pytest.mark.parametrize("name", NAMES)
def test_batches_are_legal_reproducible_and_new(name: str) -> None:
    history: list[FrozenTrial] = []
    seen: list[dict[str, object]] = []
    for number in range(3):
        asked = batch(name, history, number)
        assert [a.params for a in asked] == [a.params for a in batch(name, history, number)]
        for candidate in asked:
            SPACE.decode(candidate.params)
            assert candidate.distributions == distributions(SPACE, candidate.params)
            assert candidate.params not in seen
            seen.append(candidate.params)
        history += [finished(a, value=0.1 * i) for i, a in enumerate(asked)]


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_asks_for_others(name: str) -> None:
    first, second = batch(name, [], 0, seed=1), batch(name, [], 0, seed=2)
    assert [a.params for a in first] != [a.params for a in second]


def test_conditional_parameters_are_asked_where_they_are_active() -> None:
    asked = [a for number in range(8) for a in batch("random", [], number)]
    for candidate in asked:
        for name, parameter in SPACE.parameters.items():
            active = all(
                candidate.params.get(other) in values
                for other, values in (parameter.when or {}).items()
            )
            assert (name in candidate.params) == active


def test_tpe_learns_where_the_good_ones_are() -> None:
    """Good trials have a large backward width; after 40 of them TPE asks there."""
    history: list[FrozenTrial] = []
    for number in range(10):
        asked = batch("random", [], number)
        history += [finished(a, float(a.params["backward_std"])) for a in asked]
    spec = SamplerSpec(name="tpe", batch=16, startup=16)
    asked = list(ask(SPACE, spec, history, 16, seed=0, batch=10))
    wide = [float(a.params["backward_std"]) > 1.0 for a in asked]
    # The prior is log-uniform on [0.1, 3]: a third lies above 1.
    assert sum(wide) > 16 / 2


def test_of_a_long_history_tpe_remembers_the_best() -> None:
    """Thirty good trials stand before a thousand poor ones, which differ in one parameter."""
    rng = np.random.default_rng(0)
    points = [SPACE.random(rng) for _ in range(3000)]
    wide = [point for point in points if float(point["backward_std"]) > 1.0][:30]
    narrow = [point for point in points if float(point["backward_std"]) < 1.0][:1000]
    history = [
        finished(Asked(point, distributions(SPACE, point), {}), value)
        for group, value in ((wide, 0.9), (narrow, 0.1))
        for point in group
    ]
    asked = list(ask(SPACE, SamplerSpec(name="tpe"), history, 16, seed=0, batch=64))
    assert sum(float(a.params["backward_std"]) > 1.0 for a in asked) > 16 / 2


@pytest.mark.parametrize("name", NAMES)
def test_dimensions_in_memory_mean_what_stored_ones_mean(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = [finished(a, 0.1 * i) for i, a in enumerate(batch("random", [], 0))] * 3
    asked = batch(name, history, 1)
    monkeypatch.setattr(
        sampling, "dimensions", lambda space: distributions(space, space.parameters)
    )
    assert [a.params for a in batch(name, history, 1)] == [a.params for a in asked]


def test_dimensions_in_memory_are_equal_where_they_mean_the_same() -> None:
    one, other = dimensions(SPACE), dimensions(SPACE)
    assert one == other
    assert one.keys() == SPACE.parameters.keys()
    assert len({*one.values(), *other.values()}) == len({*one.values()})
    assert one["backward_std"] != one["end"]


def test_baselines_do_not_count_as_the_random_start() -> None:
    """Candidates are drawn at random at first, however many baselines stand before them."""
    baseline = finished(batch("random", [], 0)[0], 0.5, kind="baseline")
    spec = SamplerSpec(name="tpe", batch=8)
    asked, alone = (ask(SPACE, spec, known, 8, seed=3, batch=0) for known in ([baseline] * 30, []))
    assert [a.params for a in asked] == [a.params for a in alone]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_pending_is_not_asked_again(name: str) -> None:
    """A batch is asked before the one before it has results; QMC goes on in its sequence."""
    history = [finished(a, 0.1 * i) for i, a in enumerate(batch(name, [], 0))]
    pending = batch(name, history, 1)
    asked = batch(name, history, 2, pending=pending)
    assert [a.params for a in asked] == [
        a.params for a in batch(name, history, 2, pending=pending)
    ]
    assert not [a for a in asked if a.params in [p.params for p in pending]]
    if name == "qmc":
        whole = [*history, *(finished(a, 0.0) for a in pending)]
        assert [a.params for a in asked] == [a.params for a in batch(name, whole, 2)]
