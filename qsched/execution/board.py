"""The cohorts of one call: which wait, which are answered."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Sized

__all__ = ["Board", "Rank", "in_order"]

Rank = Callable[[int], int]
"""How urgent a cohort is, by its number: of those that wait, one of least rank goes out first."""

_FIRST = -1


def in_order(_: int) -> int:
    """Return the rank of cohorts that go out in their order."""
    return 0


class Board:
    """Hands cohorts out by number until each is answered, and takes one answer for each.

    Cohorts that are added to the list meanwhile are handed out, too. A cohort may be out twice,
    when the worker that has it was given up but lives; whichever answer comes first is taken.

    Args:
        cohorts: the cohorts, which may become more.
        retries: how often a cohort may be put back.
        rank: how urgent a cohort is, at least 0; those of one rank go out in their order.
    """

    def __init__(self, cohorts: Sized, retries: int, rank: Rank = in_order) -> None:
        self._cohorts, self._rank = cohorts, rank
        self._seen = 0
        self._open = True
        self._waiting: list[tuple[int, int]] = []
        self._answered: set[int] = set()
        self._returns: Counter[int] = Counter()
        self._retries = retries

    @property
    def waiting(self) -> int:
        """How many cohorts wait for a worker."""
        self._look()
        return len(self._waiting)

    def next(self) -> int | None:
        """Return a cohort to be trained now; None if none waits."""
        self._look()
        return self._waiting.pop(0)[1] if self._waiting else None

    def put_back(self, cohort: int) -> bool:
        """Let a cohort whose worker was lost be trained before all others.

        Returns:
            Whether it may be: False once it has been lost too often. One that is answered or
            waits already stays as it is.
        """
        if cohort in self._answered or self._waits(cohort):
            return True
        self._returns[cohort] += 1
        if self._returns[cohort] > self._retries:
            return False
        if self._open:
            insort(self._waiting, (_FIRST, cohort))
        return True

    def accept(self, cohort: int) -> bool:
        """Return whether an answer for a cohort is its first one, which counts."""
        if cohort in self._answered:
            return False
        self._answered.add(cohort)
        self._waiting = [entry for entry in self._waiting if entry[1] != cohort]
        return True

    def answered(self, cohort: int) -> bool:
        """Return whether a cohort has its answer."""
        return cohort in self._answered

    def clear(self) -> None:
        """Hand out no more cohorts."""
        self._open = False
        self._waiting.clear()

    def _look(self) -> None:
        """Let the cohorts wait that are new."""
        if self._open:
            for cohort in range(self._seen, len(self._cohorts)):
                insort(self._waiting, (self._rank(cohort), cohort))
            self._seen = len(self._cohorts)

    def _waits(self, cohort: int) -> bool:
        return any(waiting == cohort for _, waiting in self._waiting)
