"""One process runs a study; others watch it, and one takes over when it has gone."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Self

from qsched.errors import StorageError
from qsched.specs import StudySpec
from qsched.storage import Lease, State, Storage
from qsched.study.noted import NOTE
from qsched.study.owner import described, gone, identity
from qsched.study.progress import Observe, Progress

__all__ = ["TERM", "LeaseLost", "Owned", "await_lease"]

TERM = 15.0
"""Seconds after which a lease that is not renewed may be taken over."""

_BEATS = 5
"""How often a lease is renewed within its term."""

_POLL = 0.5
_REPEAT = 10.0


class LeaseLost(Exception):
    """Another process has taken the study over: this one was away for longer than its lease."""


class Owned:
    """A study that this process owns. A context manager that renews the lease, and gives it back.

    Args:
        storage: the study database.
        study: name of the study, whose lease ``owner`` has taken.
        owner: the holder.
        term: the lease's term in seconds.
    """

    def __init__(self, storage: Storage, study: str, owner: str, term: float) -> None:
        self._storage, self._leases = storage, storage.leases
        self._study, self._owner = study, owner
        self._pause = term / _BEATS
        self._lost, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def mark(self, state: State) -> None:
        """Store a state of the study, if this process owns it still and the database lets it."""
        with suppress(StorageError):
            self._storage.set_own_state(self._study, state, self._owner)

    def check(self) -> None:
        """Raise :class:`LeaseLost` if another process is the owner now."""
        if self._lost.is_set():
            raise LeaseLost

    def __enter__(self) -> Self:
        if self._leases.needed:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._leases.needed:
            self._thread.join()
            with suppress(StorageError):  # It becomes stale by itself.
                self._leases.release(self._study, self._owner)

    def _renew(self) -> None:
        while not self._done.wait(self._pause):
            with suppress(StorageError):  # While the database is away, nobody can take over.
                if not self._leases.renew(self._study, self._owner):
                    self._lost.set()
                    return


def await_lease(
    storage: Storage, spec: StudySpec, observe: Observe, term: float = TERM
) -> Owned | None:
    """Return the study as owned by this process; while another one owns it, watch.

    Args:
        storage: the study database, which holds the study.
        spec: the study.
        observe: is told what becomes of it meanwhile.
        term: seconds until other processes may take the lease over.

    Returns:
        The ownership; None if the other process has stored the verdict.
    """
    me, study, watch = identity(), spec.name, _Watch()
    told: tuple[Progress | None, float] = (None, 0.0)
    while True:
        seen = storage.leases.read(study)
        if watch.free(seen) and storage.leases.take(study, me, term, after=seen):
            return Owned(storage, study, me, term)
        if seen is not None:
            progress = _progress(storage, spec, seen)
            if progress != told[0] or time.monotonic() - told[1] > _REPEAT:
                told = progress, time.monotonic()
                observe(progress)
        time.sleep(_POLL)
        if storage.study(study).verdict is not None:
            return None


class _Watch:
    """Tells a stale lease: one whose count has stood still for its term, on this clock."""

    def __init__(self) -> None:
        self._last: Lease | None = None
        self._since = 0.0

    def free(self, seen: Lease | None) -> bool:
        if seen is None or gone(seen.owner):
            return True
        if seen != self._last:
            self._last, self._since = seen, time.monotonic()
        return time.monotonic() - self._since >= seen.seconds


def _progress(storage: Storage, spec: StudySpec, lease: Lease) -> Progress:
    """Return what the owner has told last, as seen by a watcher."""
    told = storage.study(spec.name).notes.get(NOTE)
    seen = Progress(**told) if told else Progress("baselines", trials_total=spec.budget.trials)
    return replace(seen, phase="watching", rung=f"run by {described(lease.owner)}: {seen.phase}")
