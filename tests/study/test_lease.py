"""One process runs a study; others watch, and take over when it has gone."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from qsched.errors import ConflictError, DataError
from qsched.execution import Inline
from qsched.specs import Run, RunResult, digest
from qsched.storage import Storage, rows
from qsched.study import Progress, Verdict, lease, run_study
from qsched.study.owner import described, gone, identity
from tests.study import surrogate
from tests.study.test_loop import SPEC, trials

ROOT = Path(__file__).parents[2]
OTHER = "elsewhere/0-0/1/2/00000000"
"""An owner of which this machine knows nothing."""

Observe = Callable[[Progress], None]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/study.db"


@pytest.fixture
def expected(tmp_path: Path) -> Iterator[Verdict]:
    """The verdict of an undisturbed study."""
    with Storage.open(f"sqlite:///{tmp_path}/undisturbed.db") as storage:
        yield _study(storage)


def _study(
    storage: Storage,
    train: Callable[[Sequence[Run]], list[RunResult]] = surrogate.train,
    observe: Observe = lambda progress: None,
) -> Verdict:
    return run_study(SPEC, storage, Inline(train), observe)


def _held(storage: Storage, owner: str, seconds: float) -> None:
    storage.save_study(SPEC, digest(SPEC))
    assert storage.leases.take("toy", owner, seconds)


def _is_exact(storage: Storage) -> None:
    """Every run once, and the budget exact."""
    counts = Counter(row.result.key for row in storage.runs("toy"))
    assert set(counts.values()) == {1}
    kinds = Counter(trial.user_attrs["kind"] for trial in trials(storage))
    assert kinds["candidate"] == SPEC.budget.trials


def test_the_second_of_two_watches_and_says_the_same(url: str, expected: Verdict) -> None:
    watched = threading.Event()
    trained: Counter[str] = Counter()

    def train(runs: Sequence[Run]) -> list[RunResult]:
        assert watched.wait(60)
        trained.update(run.key for run in runs)
        return surrogate.train(runs)

    def observe(progress: Progress) -> None:
        if progress.phase == "watching":
            assert progress.rung.startswith("run by process ")
            watched.set()

    def run() -> Verdict:
        with Storage.open(url) as storage:
            return _study(storage, train, observe)

    with Storage.open(url) as storage, ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run) for _ in range(2)]
        assert [one.result(120) for one in both] == [expected, expected]
        _is_exact(storage)
    assert set(trained.values()) == {1}


def test_a_study_whose_process_has_ended_is_taken_over_at_once(url: str) -> None:
    program = "from qsched.study.owner import identity; print(identity())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    owner = done.stdout.strip()
    assert gone(owner)
    assert not gone(identity())
    assert not gone(OTHER)
    assert described(OTHER) == "process 1 on elsewhere"
    with Storage.open(url) as storage:
        _held(storage, owner, 1e6)
        _study(storage)
        _is_exact(storage)
        assert storage.leases.read("toy") is None


def test_a_silent_owner_is_waited_for_as_long_as_its_lease(url: str) -> None:
    with Storage.open(url) as storage:
        _held(storage, OTHER, 1.0)
        phases: list[str] = []
        began = time.monotonic()
        _study(storage, observe=lambda progress: phases.append(progress.phase))
        assert time.monotonic() - began >= 1.0
        assert phases[0] == "watching"
        _is_exact(storage)


def test_the_wall_clock_has_no_say(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = rows.now
    moved = [timedelta(days=3), timedelta(days=-3)]
    monkeypatch.setattr(time, "time", lambda: 0.0)
    monkeypatch.setattr("qsched.storage.database.now", lambda: real() + moved[0])
    with Storage.open(url) as storage:
        _held(storage, OTHER, 0.7)
        moved.reverse()
        began = time.monotonic()
        _study(storage)
        assert time.monotonic() - began >= 0.7
        _is_exact(storage)


def test_who_loses_the_lease_stops_and_watches(
    url: str, expected: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "TERM", 0.5)
    monkeypatch.setattr(lease.await_lease, "__defaults__", (0.5,))
    cohorts, phases = [], []

    def train(runs: Sequence[Run]) -> list[RunResult]:
        cohorts.append(runs)
        if len(cohorts) == 5:
            with Storage.open(url) as other:  # As if this process had slept for its lease.
                while not other.leases.take("toy", OTHER, 1.0, other.leases.read("toy")):
                    pass
            time.sleep(0.6)
        return surrogate.train(runs)

    with Storage.open(url) as storage:
        verdict = _study(storage, train, lambda progress: phases.append(progress.phase))
        _is_exact(storage)
    assert verdict == expected
    assert "watching" in phases
    counts = Counter(run.key for cohort in cohorts for run in cohort)
    assert set(counts.values()) == {1}  # What it had trained was stored, for whoever goes on.


def test_who_has_lost_the_lease_does_not_mark_the_study(url: str) -> None:
    def train(runs: Sequence[Run]) -> list[RunResult]:
        with Storage.open(url) as other:
            while not other.leases.take("toy", OTHER, 1.0, other.leases.read("toy")):
                pass
        raise DataError("this process does not find its data")

    with Storage.open(url) as storage:
        with pytest.raises(DataError):
            _study(storage, train)
        assert storage.study("toy").state == "running"


def test_trials_are_written_at_the_expected_place_only(url: str, expected: Verdict) -> None:
    with Storage.open(url) as storage:
        _study(storage)
        known = trials(storage)
        with pytest.raises(ConflictError, match=f"up to {len(known)} where 3 was expected"):
            storage.add_trials("toy", known[:2], first=3)
        assert len(trials(storage)) == len(known)
        storage.add_trials("toy", known[:1], first=len(known))
        assert len(trials(storage)) == len(known) + 1
