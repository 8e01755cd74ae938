"""The cohorts of one call: which wait, which are answered."""

from __future__ import annotations

from collections import Counter, deque

__all__ = ["Board"]


class Board:
    """Hands cohorts out by number until each is answered, and takes one answer for each.

    A cohort may be out twice, when the worker that has it was given up but lives; whichever answer
    comes first is taken.

    Args:
        count: number of cohorts.
        retries: how often a cohort may be put back.
    """

    def __init__(self, count: int, retries: int) -> None:
        self._waiting = deque(range(count))
        self._answered: set[int] = set()
        self._returns: Counter[int] = Counter()
        self._retries = retries

    @property
    def waiting(self) -> int:
        """How many cohorts wait for a worker."""
        return len(self._waiting)

    def next(self) -> int | None:
        """Return a cohort to be trained now; None if none waits."""
        return self._waiting.popleft() if self._waiting else None

    def put_back(self, cohort: int) -> bool:
        """Let a cohort whose worker was lost be trained before all others.

        Returns:
            Whether it may be: False once it has been lost too often. One that is answered or
            waits already stays as it is.
        """
        if cohort in self._answered or cohort in self._waiting:
            return True
        self._returns[cohort] += 1
        if self._returns[cohort] > self._retries:
            return False
        self._waiting.appendleft(cohort)
        return True

    def accept(self, cohort: int) -> bool:
        """Return whether an answer for a cohort is its first one, which counts."""
        if cohort in self._answered:
            return False
        self._answered.add(cohort)
        if cohort in self._waiting:
            self._waiting.remove(cohort)
        return True

    def answered(self, cohort: int) -> bool:
        """Return whether a cohort has its answer."""
        return cohort in self._answered

    def clear(self) -> None:
        """Hand out no more cohorts."""
        self._waiting.clear()
