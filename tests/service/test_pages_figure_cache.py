"""Drawn results: kept, renewed, and never waited for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import pytest

from qsched.errors import StorageError
from qsched.service.background import Outcome
from qsched.service.pages.figure_cache import FigureCache
from qsched.service.snapshots import Snapshot
from qsched.service.summary import summary
from qsched.storage import Storage
from tests.report import fabricate


class Later:
    """Keeps what was ordered until the test has it drawn."""

    def __init__(self) -> None:
        self.ordered: dict[Hashable, Callable[[Outcome[Any]], None]] = {}
        self.drawn = 0

    def submit(
        self, key: Hashable, done: Callable[[Outcome[Any]], None], task: object, *args: object
    ) -> None:
        """Note an order; as promised, one that waits is not taken twice."""
        self.ordered.setdefault(key, done)

    def call(self, task: object, *args: object) -> Any:
        """Nobody calls."""
        raise AssertionError

    def close(self) -> None:
        """Do nothing."""

    def draw(self, seconds: float = 1.0, error: StorageError | None = None) -> None:
        """Draw the one thing that is ordered: a number."""
        [done] = self.ordered.values()
        self.ordered.clear()
        self.drawn += 1
        done(Outcome(None if error else f"number {self.drawn}", error, seconds))


@pytest.fixture
def snapshot() -> Snapshot:
    """A study with ten trainings."""
    with Storage.open("sqlite://") as storage:
        spec = fabricate.spec(candidates=2)
        storage.save_study(spec, "0" * 64)
        row = storage.study(spec.name)
    return Snapshot(row, (), summary(row, (), 10), 0.0)


@pytest.fixture
def later() -> Later:
    """What draws."""
    return Later()


@pytest.fixture
def now() -> list[float]:
    """What the clock says."""
    return [0.0]


@pytest.fixture
def figures(later: Later, now: list[float]) -> FigureCache:
    """The cache."""
    return FigureCache("sqlite://", later, lambda: now[0])


def _later(snapshot: Snapshot, runs: int, state: str = "running") -> Snapshot:
    row = replace(snapshot.row, state=state)  # type: ignore[arg-type]
    return replace(snapshot, row=row, summary={**snapshot.summary, "runs": runs})


def _seen(figures: FigureCache, snapshot: Snapshot) -> object:
    cached = figures.get(snapshot)
    return None if cached is None else cached.results


def test_a_study_without_trainings_has_none(
    figures: FigureCache, snapshot: Snapshot, later: Later
) -> None:
    empty = _later(snapshot, 0)
    assert figures.get(empty) is None
    assert figures.is_current(empty)
    assert later.ordered == {}


def test_nobody_waits_for_the_first_results(
    figures: FigureCache, snapshot: Snapshot, later: Later
) -> None:
    for _ in range(3):
        assert figures.get(snapshot) is None
        assert not figures.is_current(snapshot)
    later.draw()
    assert _seen(figures, snapshot) == "number 1"
    assert figures.is_current(snapshot)
    assert later.ordered == {}


def test_results_are_drawn_anew_when_they_are_old_and_others(
    figures: FigureCache, snapshot: Snapshot, later: Later, now: list[float]
) -> None:
    figures.get(snapshot)
    later.draw()
    more, ended = _later(snapshot, 20), _later(snapshot, 20, "finished")
    assert _seen(figures, more) == "number 1"
    assert later.ordered == {}
    now[0] = 11.0
    assert _seen(figures, snapshot) == "number 1"
    assert later.ordered == {}
    assert _seen(figures, more) == "number 1"  # And newer ones are ordered.
    later.draw()
    assert _seen(figures, more) == "number 2"
    assert _seen(figures, ended) == "number 2"  # A new state does not wait for ten seconds.
    assert not figures.is_current(ended)
    later.draw()
    now[0] = 1e6
    assert _seen(figures, ended) == "number 3"
    assert (later.ordered, figures.is_current(ended)) == ({}, True)


def test_what_takes_long_is_drawn_less_often(
    figures: FigureCache, snapshot: Snapshot, later: Later, now: list[float]
) -> None:
    figures.get(snapshot)
    later.draw(seconds=3.0)
    now[0] = 26.0
    figures.get(_later(snapshot, 20))
    assert later.ordered == {}
    now[0] = 28.0
    figures.get(_later(snapshot, 20))
    later.draw()
    cached = figures.get(_later(snapshot, 20))
    assert cached is not None
    assert cached.version == "running-20"


def test_what_cannot_be_drawn_says_why_and_is_tried_again(
    figures: FigureCache, snapshot: Snapshot, later: Later, now: list[float]
) -> None:
    figures.get(snapshot)
    later.draw(error=StorageError("the trials are gone"))
    failed = figures.get(snapshot)
    assert failed is not None
    assert (failed.results, failed.fault) == (None, "the trials are gone")
    assert later.ordered == {}
    now[0] = 11.0
    figures.get(snapshot)
    later.draw()
    cached = figures.get(snapshot)
    assert cached is not None
    assert (_seen(figures, snapshot), cached.fault) == ("number 2", "")
    assert cached.version != failed.version
