"""A database that is away for a while, because its server restarts, ends no study."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from qsched.errors import UnreachableError

__all__ = ["patient"]

Result = TypeVar("Result")

_PATIENCE = 600.0
_FIRST, _LONGEST = 0.1, 2.0


def patient(
    action: Callable[[], Result], tell: Callable[[str], None], seconds: float = _PATIENCE
) -> Result:
    """Return ``action()``; while the database does not answer, try again and again.

    Args:
        action: what may be done twice: a broken connection does not say whether it was done.
        tell: is told once that there is a wait.
        seconds: for how long, at the most.

    Raises:
        UnreachableError: the database has not answered for so long.
    """
    end = time.monotonic() + seconds
    pause, told = _FIRST, False
    while True:
        try:
            return action()
        except UnreachableError:
            if time.monotonic() + pause > end:
                raise
        if not told:
            tell("waiting for the database")
            told = True
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST)
