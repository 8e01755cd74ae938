"""Results of studies, drawn in the background, once for many readers."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from qsched.service.background import Background, Outcome
from qsched.service.drawing import draw_results
from qsched.service.results import Results
from qsched.service.snapshots import Snapshot

__all__ = ["CachedResults", "FigureCache"]

_KEPT = 16
_SECONDS = 10.0
_REST = 9.0

Seen = tuple[datetime, str, int]
"""When a study was stored, its state, and how many trainings it had."""


@dataclass(frozen=True)
class CachedResults:
    """Results that were drawn, or why they could not be.

    Attributes:
        results: the results; None where they could not be drawn.
        fault: why; empty where they could.
        of: the study of which they are.
        drawn: when, in seconds of the cache's clock.
        cost: how many seconds of computing that took.
    """

    results: Results | None
    fault: str
    of: Seen
    drawn: float
    cost: float

    @property
    def version(self) -> str:
        """Names these results among those of the study."""
        return f"{self.of[1]}-{self.of[2]}{'-failed' if self.fault else ''}"


class FigureCache:
    """Keeps the results of studies: of ended ones until they change, of running ones for 10 s.

    Nobody waits for results: they are ordered, drawn in the background, and there when somebody
    asks again. Drawing takes about a second of computing, so a study is drawn for a tenth of the
    time at the most.

    Args:
        url: the study database.
        background: draws.
        clock: seconds, increasing.
    """

    def __init__(
        self, url: str, background: Background, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url, self._background, self._clock = url, background, clock
        self._lock = threading.Lock()
        self._cached: OrderedDict[str, CachedResults] = OrderedDict()

    def get(self, study: Snapshot) -> CachedResults | None:
        """Return the newest results that there are, and order newer ones where these are old.

        None before the first ones, and before the first training of the study is stored.
        """
        name = study.row.name
        if not study.summary["runs"]:
            return None
        if self._is_old(study):
            done = partial(self._keep, name, _seen(study))
            self._background.submit(("results", name), done, draw_results, self._url, name)
        return self._cached.get(name)

    def is_current(self, study: Snapshot) -> bool:
        """Return whether there are no newer results of a study to come: it may have none."""
        cached = self._cached.get(study.row.name)
        return not study.summary["runs"] or (cached is not None and cached.of == _seen(study))

    def _is_old(self, study: Snapshot) -> bool:
        cached = self._cached.get(study.row.name)
        if cached is None or cached.of[:2] != _seen(study)[:2]:
            return True
        if cached.of == _seen(study) and not cached.fault:
            return False
        return self._clock() - cached.drawn > max(_SECONDS, _REST * cached.cost)

    def _keep(self, name: str, seen: Seen, found: Outcome[Results]) -> None:
        fault = str(found.error) if found.error is not None else ""
        with self._lock:
            self._cached[name] = CachedResults(
                found.value, fault, seen, self._clock(), found.seconds
            )
            self._cached.move_to_end(name)
            while len(self._cached) > _KEPT:
                self._cached.popitem(last=False)


def _seen(study: Snapshot) -> Seen:
    return study.row.created, study.row.state, study.summary["runs"]
