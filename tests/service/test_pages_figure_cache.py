"""Drawn results: kept, renewed, and never waited for by those who have some."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qsched.service.pages import figure_cache
from qsched.service.pages.figure_cache import FigureCache
from qsched.service.pool import Pool
from qsched.service.snapshots import Snapshot
from qsched.service.summary import summary
from qsched.storage import Storage
from tests.report import fabricate


class Recorder:
    """Counts what it draws, and waits where it is told to."""

    def __init__(self) -> None:
        self.drawn: list[str] = []
        self.free = threading.Event()
        self.free.set()
        self.begun = threading.Event()

    def __call__(self, _: Storage, name: str) -> str:
        """Draw a number."""
        self.begun.set()
        assert self.free.wait(60)
        self.drawn.append(name)
        return f"{name} {len(self.drawn)}"


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """What draws results."""
    recorder = Recorder()
    monkeypatch.setattr(figure_cache, "results", recorder)
    return recorder


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    """A database with one study."""
    url = f"sqlite:///{tmp_path}/qsched.db"
    with Storage.open(url) as storage:
        fabricate.search(storage, fabricate.spec(candidates=2))
    pool = Pool(url)
    yield pool
    pool.close()


@pytest.fixture
def snapshot(pool: Pool) -> Snapshot:
    """The study with ten trainings."""
    with pool.storage() as storage:
        row = storage.study("digits-ana")
    return Snapshot(row, (), summary(row, (), 10), 0.0)


def _later(snapshot: Snapshot, runs: int, state: str = "running") -> Snapshot:
    row = replace(snapshot.row, state=state)  # type: ignore[arg-type]
    return replace(snapshot, row=row, summary={**snapshot.summary, "runs": runs})


def _seen(shown: FigureCache, snapshot: Snapshot) -> object:
    cached = shown.get(snapshot)
    assert cached is not None
    return cached.results


def test_results_are_drawn_anew_when_they_are_old_and_others(
    pool: Pool, snapshot: Snapshot, recorder: Recorder
) -> None:
    now = [0.0]
    shown = FigureCache(pool, lambda: now[0])
    assert shown.get(_later(snapshot, 0)) is None
    assert _seen(shown, snapshot) == "digits-ana 1"
    assert _seen(shown, _later(snapshot, 20)) == "digits-ana 1"
    now[0] = 11.0
    assert _seen(shown, snapshot) == "digits-ana 1"
    assert _seen(shown, _later(snapshot, 20)) == "digits-ana 2"
    assert _seen(shown, _later(snapshot, 20, "finished")) == "digits-ana 3"
    now[0] = 1e6
    assert _seen(shown, _later(snapshot, 20, "finished")) == "digits-ana 3"


def test_who_has_results_does_not_wait_for_new_ones(
    pool: Pool, snapshot: Snapshot, recorder: Recorder
) -> None:
    shown = FigureCache(pool)
    assert _seen(shown, snapshot) == "digits-ana 1"
    recorder.free.clear()
    recorder.begun.clear()
    finished = _later(snapshot, 30, "finished")
    thread = threading.Thread(target=shown.get, args=(finished,))
    thread.start()
    assert recorder.begun.wait(60)
    assert _seen(shown, finished) == "digits-ana 1"
    recorder.free.set()
    thread.join(60)
    assert _seen(shown, finished) == "digits-ana 2"


def test_what_takes_long_is_drawn_less_often(
    pool: Pool, snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, drawn = [0.0], []

    def slowly(_: Storage, name: str) -> str:
        now[0] += 3.0
        drawn.append(name)
        return name

    monkeypatch.setattr(figure_cache, "results", slowly)
    shown = FigureCache(pool, lambda: now[0], lambda: now[0])
    first = shown.get(snapshot)
    now[0] += 26.0
    assert shown.get(_later(snapshot, 20)) is first
    now[0] += 2.0
    second = shown.get(_later(snapshot, 20))
    assert first is not None and second is not None
    assert (len(drawn), second.version) == (2, "running-20")
    assert second.version != first.version
