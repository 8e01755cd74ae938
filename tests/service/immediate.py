"""A background without a process: what is ordered is there at once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from qsched.service.background import Outcome, outcome

__all__ = ["Immediate"]

T = TypeVar("T")


class Immediate:
    """Computes every task in the thread that orders it."""

    def submit(
        self,
        key: Hashable,
        done: Callable[[Outcome[T]], None],
        task: Callable[..., T],
        *args: object,
    ) -> None:
        """Compute a task."""
        done(outcome(task, args))

    def call(self, task: Callable[..., T], *args: object) -> T:
        """Compute a task."""
        return task(*args)

    def close(self) -> None:
        """Do nothing."""
