"""The exception tree: exit codes, the drawing of it, hints."""

from __future__ import annotations

import pickle
import re

import pytest

from qsched import errors
from qsched.errors import Problem, SpecError, UnknownNameError, nearest


def _tree() -> list[type[errors.QschedError]]:
    found, waiting = [], [errors.QschedError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return [kind for kind in found if kind.__module__ == errors.__name__]


def test_the_tree_is_drawn_as_it_is() -> None:
    """Names and indentation of the drawing give every class its parent."""
    drawing = re.findall(r"^    ([|` -]*)(\w+Error)\b", errors.__doc__ or "", re.MULTILINE)
    parents: dict[int, str] = {-1: "Exception"}
    drawn = {}
    for indent, name in drawing:
        depth = len(indent) // 4
        drawn[name] = parents[depth - 1]
        parents[depth] = name
    assert drawn == {kind.__name__: kind.__base__.__name__ for kind in _tree()}


@pytest.mark.parametrize("kind", _tree())
def test_exit_codes(kind: type[errors.QschedError]) -> None:
    assert kind.exit_code == (2 if issubclass(kind, errors.InputError) else 1)


def test_every_public_name_is_listed() -> None:
    assert {kind.__name__ for kind in _tree()} | {"Problem", "nearest"} == set(errors.__all__)


def test_a_specification_error_lists_all_problems() -> None:
    error = SpecError(
        "my.yaml",
        [Problem("must be > 0, but is 0", "budget.trials", 7), Problem("is no mapping")],
    )
    assert str(error).splitlines() == [
        "my.yaml: line 7: budget.trials: must be > 0, but is 0",
        "my.yaml: is no mapping",
    ]
    assert error.problems[0].line == 7


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("mlp99", ["mlp3", "mlp9"], "did you mean `mlp9`?"),
        ("resnet", ["mlp3", "cnn5"], "known: cnn5, mlp3"),
        ("x", [], "known: none"),
    ],
)
def test_hints(name: str, known: list[str], hint: str) -> None:
    assert nearest(name, known) == hint
    assert str(UnknownNameError("network", name, known)) == f"unknown network `{name}`; {hint}"


@pytest.mark.parametrize(
    "error",
    [
        SpecError("my.yaml", [Problem("must be > 0", "budget.trials", 7)]),
        UnknownNameError("network", "mlp99", ["mlp3", "mlp9"]),
        errors.DataError("download the file"),
    ],
)
def test_errors_travel_between_processes(error: errors.QschedError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))
