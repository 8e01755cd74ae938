"""Expected trainings, against those of a study that ran."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from qsched.execution import Inline
from qsched.storage import Storage
from qsched.study import run_study
from qsched.study.forecast import PHASES, expected_runs
from tests.study import surrogate
from tests.study.test_loop import SPEC


def test_forecast_is_that_of_a_study_that_ran(tmp_path: Path) -> None:
    with Storage.open(f"sqlite:///{tmp_path / 'study.db'}") as storage:
        run_study(SPEC, storage, Inline(surrogate.train), lambda _: None)
        found = Counter(row.phase for row in storage.runs(SPEC.name))
    expected = expected_runs(SPEC)
    assert tuple(expected) == PHASES
    assert found["report"] == expected["report"]
    assert 0 < found["selection"] <= expected["selection"]
    searched = expected["baselines"] + expected["search"]
    assert searched / 2 <= found["search"] <= 2 * searched
