"""Results of studies, drawn once for many readers."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from qsched.service.pages.results import Results, results
from qsched.service.pool import Pool
from qsched.service.snapshots import Snapshot

__all__ = ["CachedResults", "FigureCache"]

_KEPT = 16
_SECONDS = 10.0
_REST = 9.0


@dataclass(frozen=True)
class CachedResults:
    """Results that were drawn.

    Attributes:
        results: the results.
        of: when the study was stored, its state and how many trainings it had.
        drawn: when, in seconds of the cache's clock.
        cost: how many seconds of computing that took.
    """

    results: Results
    of: tuple[datetime, str, int]
    drawn: float
    cost: float

    @property
    def version(self) -> str:
        """Names these results among those of the study."""
        return f"{self.of[1]}-{self.of[2]}"


class FigureCache:
    """Keeps the results of studies: of ended ones until they change, of running ones for 10 s.

    Drawing takes about a second of computing, so one thread draws at a time, a study for a tenth
    of it at the most.

    Args:
        pool: the study database.
        clock: seconds, increasing.
        work: seconds that this thread has computed.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Callable[[], float] = time.monotonic,
        work: Callable[[], float] = time.thread_time,
    ) -> None:
        self._pool, self._clock, self._work = pool, clock, work
        self._lock = threading.Lock()
        self._cached: OrderedDict[str, CachedResults] = OrderedDict()

    def get(self, study: Snapshot) -> CachedResults | None:
        """Return the results of a study; None before its first training is stored.

        Raises:
            StorageError: the database cannot be read.
        """
        name = study.row.name
        if not study.summary["runs"]:
            return None
        seen = (study.row.created, study.row.state, study.summary["runs"])
        cached = self._cached.get(name)
        if cached is not None and (cached.of == seen or not self._is_old(cached, study)):
            return cached
        # Who has seen a study as it was does not wait for others to have it drawn anew.
        if not self._lock.acquire(blocking=cached is None):
            assert cached is not None
            return cached
        try:
            newest = self._cached.get(name)
            if newest is not None and newest.of == seen:
                return newest
            begin = self._work()
            with self._pool.storage() as storage:
                drawn = results(storage, name)
            self._cached[name] = CachedResults(drawn, seen, self._clock(), self._work() - begin)
            self._cached.move_to_end(name)
            while len(self._cached) > _KEPT:
                self._cached.popitem(last=False)
            return self._cached[name]
        finally:
            self._lock.release()

    def _is_old(self, cached: CachedResults, study: Snapshot) -> bool:
        same_state = cached.of[:2] == (study.row.created, study.row.state)
        return not same_state or self._clock() - cached.drawn > max(_SECONDS, _REST * cached.cost)
