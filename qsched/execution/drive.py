"""The loop by which cohorts go to workers and come back, whatever the workers are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from qsched.errors import QschedError
from qsched.execution.board import Board
from qsched.execution.cohorts import Cohort
from qsched.execution.executor import Answers
from qsched.specs import RunResult

__all__ = ["RETRIES", "Answer", "Broken", "Event", "Job", "Lost", "Pool", "drive", "pending"]

RETRIES = 2
"""How often a cohort that lost its worker is trained again."""

W = TypeVar("W")


class Job(NamedTuple):
    """A cohort and its number."""

    number: int
    cohort: Cohort


@dataclass(frozen=True)
class Answer:
    """A cohort is trained."""

    number: int
    results: list[RunResult]


@dataclass(frozen=True)
class Lost:
    """A cohort has lost its worker; ``error`` says how, if no other may try."""

    number: int
    error: QschedError


@dataclass(frozen=True)
class Broken:
    """Something is wrong that trying again does not mend."""

    error: QschedError


Event = Answer | Lost | Broken
"""What a pool tells."""


class Pool(Protocol[W]):
    """Workers, each of which trains one cohort at a time.

    A worker whose cohort is lost may answer for it all the same: the first answer counts.
    """

    def start(self, wanted: int) -> None:
        """Start workers for ``wanted`` more cohorts, as far as the size of the pool allows."""

    def idle(self) -> Sequence[W]:
        """Return the workers that can take a cohort now."""

    def give(self, worker: W, job: Job) -> None:
        """Let an idle worker train a cohort."""

    def awaited(self) -> Iterable[int]:
        """Return the numbers of the cohorts for which a worker may be expected to answer."""

    def listen(self) -> Iterator[Event]:
        """Wait a little, then yield what has happened; a cohort is lost once a worker.

        Time in which nobody listens counts against no worker.
        """

    def drop(self) -> None:
        """End the workers that have a cohort: nobody wants their answers any more."""


def drive(board: Board, cohorts: Sequence[Cohort], pool: Pool[W]) -> Iterator[Answers]:
    """Yield what a pool has trained, as soon as something is, until no cohort is left.

    Args:
        board: of these cohorts.
        cohorts: what is to be trained; it may become more meanwhile.
        pool: trains them.

    Raises:
        QschedError: what broke the pool, or how a cohort was lost once too often; after all
            cohorts that were finished or under way are yielded.
    """
    failure: QschedError | None = None
    try:
        while pending(board, pool):
            pool.start(board.waiting)
            _hand_out(board, cohorts, pool)
            finished: Answers = []
            for event in pool.listen():
                match event:
                    case Answer(number, results):
                        if board.accept(number):
                            finished.append((number, results))
                    case Lost(number, error):
                        failure = failure or (None if board.put_back(number) else error)
                    case Broken(error):
                        failure = failure or error
            if failure is not None:
                board.clear()
            _hand_out(board, cohorts, pool)  # Nobody idles while the caller uses the results.
            if finished:
                yield finished
    finally:
        # Whoever stops listening early must not find old answers in the next call.
        pool.drop()
    if failure is not None:
        raise failure


def pending(board: Board, pool: Pool[W]) -> bool:
    """Return whether cohorts wait, or have workers and no answer yet."""
    return board.waiting > 0 or not all(map(board.answered, pool.awaited()))


def _hand_out(board: Board, cohorts: Sequence[Cohort], pool: Pool[W]) -> None:
    for worker in pool.idle():
        if (number := board.next()) is None:
            return
        pool.give(worker, Job(number, cohorts[number]))
