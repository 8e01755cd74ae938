"""Studies as they were a moment ago, so that many readers cost the database as much as one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from qsched.service.queries import Queries
from qsched.service.summary import summary
from qsched.service.supervisor import Phase
from qsched.storage import Storage, StudyRow

__all__ = ["Snapshot", "Snapshots"]

_KEPT = 64
_STALE = 5.0
"""Seconds after which a study that is just being read anew is waited for."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A study at one time; equal to no other one.

    Attributes:
        row: the study.
        trials: its trials by number, baselines first.
        summary: see :func:`qsched.service.summary.summary`.
        taken: when, in seconds of a monotonic clock.
        phase: what the server did with the study just before ``row`` was read; None is nothing.
            Then ``row`` says how it ended, and why.
    """

    row: StudyRow
    trials: Sequence[FrozenTrial]
    summary: dict[str, Any]
    taken: float
    phase: Phase | None = None


class Snapshots:
    """The studies of a database, read again when what is known is older than ``refresh``.

    One thread reads at a time. Others that want a study which is known get what is known, unless
    that is 5 s old; trials are read once, since finished ones do not change.

    Args:
        url: the database's URL.
        queries: reads counts.
        phase: what the server does with a study.
        refresh: seconds.
        clock: seconds, increasing.
    """

    def __init__(
        self,
        url: str,
        queries: Queries,
        phase: Callable[[str], Phase | None],
        refresh: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage, self._queries = Storage.open(url), queries
        self._phase, self._refresh, self._clock = phase, refresh, clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Snapshot] = OrderedDict()
        self._studies: dict[str, optuna.Study] = {}

    def ready(self, name: str) -> Snapshot | None:
        """Return a study if that takes neither reading nor waiting, else None.

        It is ``refresh`` seconds old at the most, or 5 s while a thread reads.
        """
        known = self._known.get(name)
        if known is None:
            return None
        age = self._clock() - known.taken
        reading = self._lock.locked() and age < _STALE
        return known if reading or age < self._refresh else None

    def get(self, name: str) -> Snapshot:
        """Return a study, read anew if it is older than :meth:`ready` returns.

        Raises:
            UnknownNameError: no study has this name.
            StorageError: the database cannot be read.
        """
        known = self.ready(name)
        if known is not None:
            return known
        with self._lock:
            known = self._known.get(name)
            if known is not None and self._clock() - known.taken < self._refresh:
                return known
            return self._read(name)

    def drop(self, name: str) -> None:
        """Forget a study that was changed just now."""
        with self._lock:
            self._known.pop(name, None)

    def close(self) -> None:
        """Close the database."""
        self._storage.close()

    def _read(self, name: str) -> Snapshot:
        # In this order: a study that the server has done with is read as it ended.
        phase = self._phase(name)
        row = self._storage.study(name)
        known = self._known.get(name)
        if known is not None and row.state == "finished" and row == known.row:
            found = Snapshot(row, known.trials, known.summary, self._clock(), phase)
        else:
            trials = self._trials(name)
            count = self._queries.run_count(name)
            found = Snapshot(row, trials, summary(row, trials, count), self._clock(), phase)
        self._known[name] = found
        self._known.move_to_end(name)
        while len(self._known) > _KEPT:
            self._studies.pop(self._known.popitem(last=False)[0], None)
        return found

    def _trials(self, name: str) -> list[FrozenTrial]:
        with self._storage.guard():
            try:
                if name not in self._studies:
                    storage = self._storage.optuna
                    self._studies[name] = optuna.load_study(study_name=name, storage=storage)
                return self._studies[name].get_trials(deepcopy=False)
            except KeyError:
                # No trial has finished yet, or somebody deleted them in the dashboard.
                self._studies.pop(name, None)
                return []
