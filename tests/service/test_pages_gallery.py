"""Drawn results: kept, renewed, and never waited for by those who have some."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from qsched.service.pages import gallery
from qsched.service.pages.gallery import Gallery
from qsched.service.pool import Pool
from qsched.service.snapshots import Snapshot
from qsched.service.summary import summary
from qsched.storage import Storage
from tests.report import fabricate


class Painter:
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
def painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    """What draws results."""
    painter = Painter()
    monkeypatch.setattr(gallery, "results", painter)
    return painter


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


def test_results_are_drawn_anew_when_they_are_old_and_others(
    pool: Pool, snapshot: Snapshot, painter: Painter
) -> None:
    now = [0.0]
    shown = Gallery(pool, lambda: now[0])
    assert shown.get(_later(snapshot, 0)) is None
    assert shown.get(snapshot) == "digits-ana 1"
    assert shown.get(_later(snapshot, 20)) == "digits-ana 1"
    now[0] = 11.0
    assert shown.get(snapshot) == "digits-ana 1"
    assert shown.get(_later(snapshot, 20)) == "digits-ana 2"
    assert shown.get(_later(snapshot, 20, "finished")) == "digits-ana 3"
    now[0] = 1e6
    assert shown.get(_later(snapshot, 20, "finished")) == "digits-ana 3"


def test_who_has_results_does_not_wait_for_new_ones(
    pool: Pool, snapshot: Snapshot, painter: Painter
) -> None:
    shown = Gallery(pool)
    assert shown.get(snapshot) == "digits-ana 1"
    painter.free.clear()
    painter.begun.clear()
    finished = _later(snapshot, 30, "finished")
    thread = threading.Thread(target=shown.get, args=(finished,))
    thread.start()
    assert painter.begun.wait(60)
    assert shown.get(finished) == "digits-ana 1"
    painter.free.set()
    thread.join(60)
    assert shown.get(finished) == "digits-ana 2"
