"""What is timed is a study: it grows by invented trials, is asked and is reported."""

from __future__ import annotations

from pathlib import Path

from benchmarks.throughput.study import growth
from qsched.specs.files import load_study
from qsched.storage import Storage
from qsched.study.arms import hand_coded


def test_growth_fills_a_study_and_times_it(tmp_path: Path) -> None:
    [found] = list(growth("digits-ana", [40], tmp_path))
    assert found.trials == 40
    assert min(found.ask, found.tell, found.report) > 0
    with Storage.open(f"sqlite:///{tmp_path / 'growth.db'}") as storage:
        assert len(storage.optuna.get_all_trials(1)) == 40
        candidates = {row.arm for row in storage.runs("digits-ana")}
        assert len(candidates) == 40 - len(hand_coded(load_study("digits-ana")))
    assert (tmp_path / "report.html").stat().st_size > 10_000
