"""The bench of interruptions: what it calls good, and whose study it runs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from benchmarks.faults.study import NAME
from benchmarks.interruptions import Interruption, interrupted, study, table
from qsched.specs.files import load_study


@pytest.mark.parametrize(
    ("number", "code", "left", "good"),
    [
        (signal.SIGINT, 130, 0, True),
        (signal.SIGKILL, -9, 0, True),
        (signal.SIGINT, -9, 0, False),
        (signal.SIGKILL, None, 1, False),
        (signal.SIGINT, 130, 1, False),
    ],
)
def test_what_is_good(number: signal.Signals, code: int | None, left: int, good: bool) -> None:
    assert Interruption(number, 1.0, 10, code, left).good is good


def test_the_table_has_a_row_each() -> None:
    made = [Interruption(signal.SIGKILL, 1.26, 7, -9, 0)] * 2
    assert table(made).splitlines()[2:] == [
        "| 1 | SIGKILL | 1.3 | 7 | -9 | 0 |",
        "| 2 | SIGKILL | 1.3 | 7 | -9 | 0 |",
    ]


def test_it_is_the_study_that_was_named(tmp_path: Path) -> None:
    found = load_study(study("digits-control", tmp_path).file)
    assert found == load_study("digits-control").model_copy(update={"name": NAME})


def test_a_study_that_ends_first_is_not_interrupted(tmp_path: Path) -> None:
    place = study("digits-control", tmp_path)
    place.file.write_text("format: none\n")
    assert interrupted(place, signal.SIGINT, 0.0) is None
