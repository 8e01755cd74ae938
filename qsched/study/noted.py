"""A running study's progress in the database, for those who watch from elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from qsched.errors import StorageError
from qsched.storage import Storage
from qsched.study.progress import Observe, Progress

__all__ = ["NOTE", "RUNGS", "noted"]

NOTE = "progress"
"""The key of the note in the notes of the study."""
RUNGS = "rungs"
"""The key of a note with the last 256 rungs, each with its number, phase and words."""

_OWN = ("baselines", "search", "selection", "report")
_SECONDS = 2.0
_KEPT = 256


def noted(
    storage: Storage,
    study: str,
    observe: Observe,
    clock: Callable[[], float] = time.monotonic,
) -> Observe:
    """Return an observer that tells ``observe`` everything, and the database now and then.

    A new phase and a new rung are written at once, other changes when two seconds have passed.
    Every rung is kept as well, so that who looks now and then misses none.
    Who only watches a study that another process runs writes nothing.

    Args:
        storage: the study database.
        study: the study's name.
        observe: is told of every progress.
        clock: seconds, increasing.
    """
    place, last = ("", -1, ""), -math.inf

    def tell(progress: Progress) -> None:
        nonlocal place, last
        observe(progress)
        # Runs are planned a rung at a time; its words may change for a while.
        now, here = clock(), (progress.phase, progress.total, progress.rung)
        if progress.phase not in _OWN or (here == place and now - last < _SECONDS):
            return
        entered = here[:2] != place[:2]
        place, last = here, now
        try:
            if entered:
                _keep(storage, study, progress)
            storage.set_note(study, NOTE, asdict(progress))
        except StorageError:
            # Results are stored or fail by themselves; a note is not worth a study.
            return

    return tell


def _keep(storage: Storage, study: str, progress: Progress) -> None:
    rungs: list[dict[str, Any]] = storage.study(study).notes.get(RUNGS, [])
    number = rungs[-1]["number"] + 1 if rungs else 1
    rung = {"number": number, "phase": progress.phase, "rung": progress.rung}
    storage.set_note(study, RUNGS, [*rungs, rung][-_KEPT:])
