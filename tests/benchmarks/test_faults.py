"""The bench of faults: what it counts, and how it tells."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.faults import __main__ as faults
from benchmarks.faults.__main__ import Counts, injected, table, told
from benchmarks.faults.injection import Bench, Shot, TooLate
from benchmarks.faults.rows import ROWS, Impossible
from benchmarks.faults.study import Outcome, Place, compared
from qsched.specs import digest
from qsched.specs.files import load_study
from qsched.storage import Storage
from tests.execution import fakes


def test_the_table_adds_up() -> None:
    good = Shot("local", recovery=3.0, same_verdict=True)
    bad = Shot("ray", lost=2, twice=1, hanging=1, recovery=31.0, trained_again=4, broken=["a"])
    assert good.good
    assert not bad.good
    assert not Shot("local", same_verdict=True, broken=["trial-value: trial 3"]).good
    counts = Counts({2: [good, bad]}, {8: "mounting needs root"}, Counter({3: 2}))
    lines = table(counts).splitlines()
    assert lines[2] == (
        "| 2. SIGKILL the study process, run the same command again | 2 | 2 | 1 | 0 | 1 | 1 "
        "| 31.0 | 1/2 | 4 |"
    )
    assert lines[-3] == "row 8 is missing: mounting needs root"
    assert lines[-1] == "row 3: 2 injections are missing: the study was over before the fault"


def test_only_what_was_injected_is_good() -> None:
    good = Shot("local", recovery=3.0, same_verdict=True)
    assert Counts({1: [good]}).good
    assert not Counts().good
    assert not Counts({1: [good]}, skipped={8: "mounting needs root"}).good
    assert not Counts({1: [good]}, late=Counter([1])).good
    assert not Counts({1: [good, Shot("ray", recovery=31.0, same_verdict=True)]}).good


def test_a_fault_that_is_always_too_late_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def late(bench: Bench, turn: int) -> Shot:
        tried.append(turn)
        raise TooLate

    def impossible(bench: Bench, turn: int) -> Shot:
        raise Impossible("mounting needs root")

    bench = Bench.__new__(Bench)
    assert injected(late, bench, 4) is None
    assert tried == [4] * 10
    monkeypatch.setattr(faults, "ROWS", (late, impossible))
    counts = Counts()
    assert "too late 10 times" in faults.counted(counts, 1, 0, bench)
    assert "impossible here: mounting needs root" in faults.counted(counts, 2, 0, bench)
    assert counts == Counts({}, {2: "mounting needs root"}, Counter({1: 1}))


def test_progress_names_the_time_that_is_left() -> None:
    assert told(10, 110, 240.0) == "10/110 after 4 min, about 40 min left"


def test_rows_are_chosen_by_number() -> None:
    assert faults.row_numbers("1,3-5") == [1, 3, 4, 5]
    assert len(ROWS) == 11
    assert all(row.__doc__ for row in ROWS)


def test_the_study_is_one(tmp_path: Path) -> None:
    place = Place(tmp_path / "a", rates=(0.5, 1e22))
    assert load_study(str(place.file)).budget.learning_rates == (0.5, 1e22)
    compile(place.plugin.read_text(), "witness", "exec")


def test_what_is_missing_or_different_is_counted(tmp_path: Path) -> None:
    place = Place(tmp_path / "a")
    spec = load_study(str(place.file))
    runs = fakes.make_runs(2, task=spec.task)
    with Storage.open(place.url) as storage:
        storage.save_study(spec, digest(spec))
    expected = Outcome({run.key: 0.5 for run in runs}, {run.key: 1 for run in runs}, [], None)
    seen = compared(expected, place)
    assert "unreadable" in seen
    assert seen["broken"]
    assert place.stored() == set()


def test_training_a_run_twice_is_seen(tmp_path: Path) -> None:
    place = Place(tmp_path / "a")
    assert place.trained_again() == 0
    place.log.write_text("a\nb\na\n")
    assert place.trained_again() == 1


@pytest.mark.parametrize("ends", [True, False])
def test_processes_are_found_by_their_mark(tmp_path: Path, ends: bool) -> None:
    place = Place(tmp_path / "a")
    seconds = "0" if ends else "600"
    child = subprocess.Popen(["sleep", seconds], env={"QSCHED_FAULTS_MARK": place.mark})
    if ends:
        child.wait()
    left = place.processes()
    child.kill()
    child.wait()
    assert left == ([] if ends else [child.pid])
