"""The command that runs a stored study again."""

from __future__ import annotations

import pytest

from qsched.specs.command import command
from qsched.specs.files import load_study

BASE = load_study("digits-control")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "qsched run digits-control"),
        ({"seed": 3}, "qsched run digits-control --seed 3"),
        (
            {"name": "mine", "budget": BASE.budget.model_copy(update={"trials": 8})},
            "qsched run digits-control --trials 8 --name mine",
        ),
        ({"lanes": 3}, "qsched run digits-control.yaml"),
        ({"name": "mine", "lanes": 3}, "qsched run mine.yaml"),
    ],
)
def test_names_the_bundled_study_or_a_file(changes: dict[str, object], expected: str) -> None:
    assert command(BASE.model_copy(update=changes)) == expected
