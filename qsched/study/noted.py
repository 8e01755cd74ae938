"""A running study's progress in the database, for those who watch from elsewhere."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict

from qsched.errors import StorageError
from qsched.storage import Storage
from qsched.study.progress import Observe, Progress

__all__ = ["NOTE", "noted"]

NOTE = "progress"
"""The key of the note in the notes of the study."""

_OWN = ("baselines", "search", "selection", "report")
_SECONDS = 2.0


def noted(
    storage: Storage,
    study: str,
    observe: Observe,
    clock: Callable[[], float] = time.monotonic,
) -> Observe:
    """Return an observer that tells ``observe`` everything, and the database now and then.

    A new phase and a new rung are written at once, other changes when two seconds have passed.
    Who only watches a study that another process runs writes nothing.

    Args:
        storage: the study database.
        study: the study's name.
        observe: is told of every progress.
        clock: seconds, increasing.
    """
    place, last = ("", ""), -math.inf

    def tell(progress: Progress) -> None:
        nonlocal place, last
        observe(progress)
        now, here = clock(), (progress.phase, progress.rung)
        if progress.phase not in _OWN or (here == place and now - last < _SECONDS):
            return
        place, last = here, now
        try:
            storage.set_note(study, NOTE, asdict(progress))
        except StorageError:
            # Results are stored or fail by themselves; a note is not worth a study.
            return

    return tell
