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

__all__ = ["Gallery"]

_KEPT = 16
_SECONDS = 10.0


@dataclass(frozen=True)
class _Hung:
    version: tuple[datetime, str, int]
    results: Results
    drawn: float


class Gallery:
    """Keeps the results of studies: of ended ones until they change, of running ones for 10 s.

    Drawing takes about a second of computing, so one thread draws at a time.

    Args:
        pool: the study database.
        clock: seconds, increasing.
    """

    def __init__(self, pool: Pool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._clock = pool, clock
        self._lock = threading.Lock()
        self._hung: OrderedDict[str, _Hung] = OrderedDict()

    def get(self, study: Snapshot) -> Results | None:
        """Return the results of a study; None before its first training is stored.

        Raises:
            StorageError: the database cannot be read.
        """
        name = study.row.name
        if not study.summary["runs"]:
            return None
        version = (study.row.created, study.row.state, study.summary["runs"])
        hung = self._hung.get(name)
        if hung is not None and (hung.version == version or not self._is_old(hung, study)):
            return hung.results
        # Who has seen a study as it was does not wait for others to have it drawn anew.
        if not self._lock.acquire(blocking=hung is None):
            assert hung is not None
            return hung.results
        try:
            newest = self._hung.get(name)
            if newest is not None and newest.version == version:
                return newest.results
            with self._pool.storage() as storage:
                drawn = results(storage, name)
            self._hung[name] = _Hung(version, drawn, self._clock())
            self._hung.move_to_end(name)
            while len(self._hung) > _KEPT:
                self._hung.popitem(last=False)
            return drawn
        finally:
            self._lock.release()

    def _is_old(self, hung: _Hung, study: Snapshot) -> bool:
        same_state = hung.version[:2] == (study.row.created, study.row.state)
        return not same_state or self._clock() - hung.drawn > _SECONDS
