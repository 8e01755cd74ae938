"""How many event streams are open."""

from __future__ import annotations

import threading

__all__ = ["StreamLimiter"]


class StreamLimiter:
    """Places for event streams.

    Args:
        limit: how many there are.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._open = limit, 0
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many are taken."""
        return self._open

    def acquire(self) -> bool:
        """Take a place; return whether there was one."""
        with self._lock:
            if self._open >= self._limit:
                return False
            self._open += 1
            return True

    def release(self) -> None:
        """Give a place back."""
        with self._lock:
            self._open -= 1
