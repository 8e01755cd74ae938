"""What is scored in several steps, such as a race: many of them under way together.

Each is a generator. It yields the block of runs that it needs next and is sent their accuracies;
so none of them knows of the others, of databases or of executors.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from qsched.execution import Cohort
from qsched.study.arms import Arm
from qsched.study.seeds import Phase

__all__ = ["Block", "Course", "Request", "Split", "Steps", "Thought", "scored"]

Split = Literal["validation", "test"]
T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """Arms and seeds, each with each.

    Attributes:
        phase: whose pool of seeds.
        arms: the arms, A of them.
        seeds: places in the pool, S of them.
        length: training length, as a share of the task's epochs.
        evaluate: the split.
    """

    phase: Phase
    arms: Sequence[Arm]
    seeds: range
    length: float = 1.0
    evaluate: Split = "validation"


@dataclass(frozen=True)
class Thought:
    """A place where what computes for long may be left until trainings have been looked after.

    Attributes:
        left: how many more of them come before the next block.
    """

    left: int


Steps = Generator[Block | Thought, Any, T]
"""Yields blocks, and is sent their accuracies: an array of shape [A, S], in [0, 1], where a run
that diverged has 0. Yields thoughts, and is sent None."""


def scored(block: Block) -> Steps[np.ndarray]:
    """Come to the accuracies of one block."""
    scores: np.ndarray = yield block
    return scores


@dataclass(frozen=True)
class Request:
    """A block on its way.

    Attributes:
        phase: its phase.
        keys: names of its runs, [A][S].
        names: names of arms, by those of their runs.
        missing: those of its runs that are not trained yet; it shrinks.
        cohorts: what is to be trained for it.
    """

    phase: Phase
    keys: list[list[str]]
    names: dict[str, str]
    missing: set[str]
    cohorts: list[Cohort]


class Course(Generic[T]):
    """Steps under way together, and the cohorts that they wait for.

    Steps that began earlier come first: their cohorts go out and their thoughts are thought before
    those of others. Thoughts are spread over the answers that are still to come; so they are
    done when the workers run out of work, and keep no worker waiting for long before.

    Args:
        many: the steps, which may become more.
        begin: makes a request of a block, given the names of runs that are in training already.
        scores: returns the accuracies of a request of which nothing is missing.
    """

    def __init__(
        self,
        many: Sequence[Steps[T]],
        begin: Callable[[Block, set[str]], Request],
        scores: Callable[[Request], np.ndarray],
    ) -> None:
        self._many, self._begin, self._scores = many, begin, scores
        self._started = 0
        self._waiting: dict[int, Request] = {}
        self._thinking: dict[int, Thought] = {}
        self._training: set[str] = set()
        self._owners: list[int] = []
        self._unanswered = 0
        self.cohorts: list[Cohort] = []

    def rank(self, index: int) -> int:
        """Return how urgent a cohort is: the place of the steps that wait for it."""
        return self._owners[index]

    def request(self, index: int) -> Request:
        """Return what a cohort that is in training is trained for."""
        return self._waiting[self._owners[index]]

    def answered(self, keys: set[str]) -> None:
        """Note that a cohort is trained, whose runs have these names."""
        self._unanswered -= 1
        self._training -= keys
        for request in self._waiting.values():
            request.missing.difference_update(keys)

    def ends(self) -> Iterator[tuple[int, T]]:
        """Let all go on as far as they can without a further answer; yield those that end."""
        due = self._due()
        while True:
            ready = [number for number, request in self._waiting.items() if not request.missing]
            if ready:
                yield from self._go(ready[0], self._scores(self._waiting.pop(ready[0])))
            elif self._started < len(self._many):
                self._started += 1
                yield from self._go(self._started - 1, None)
            elif self._thinking and (due or not self._unanswered):
                due = max(due - 1, 0)
                number = min(self._thinking)
                del self._thinking[number]
                yield from self._go(number, None)
            else:
                return

    def _due(self) -> int:
        """Return how many thoughts are due, so that all are thought before the last answer."""
        if not self._thinking or not self._unanswered:
            return 0
        return ceil((1 + self._thinking[min(self._thinking)].left) / self._unanswered)

    def _go(self, number: int, value: np.ndarray | None) -> Iterator[tuple[int, T]]:
        """Let one go on to its next step; yield it if it ends."""
        try:
            step = self._many[number].send(value)
        except StopIteration as end:
            yield number, end.value
            return
        if isinstance(step, Thought):
            self._thinking[number] = step
        else:
            self._waiting[number] = request = self._begin(step, self._training)
            self.cohorts.extend(request.cohorts)
            self._owners.extend(number for _ in request.cohorts)
            self._unanswered += len(request.cohorts)
            self._training |= request.missing
