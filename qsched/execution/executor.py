"""What every executor does: cohorts in, results out as they complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol, Self

from qsched.errors import QschedError, TrainingError
from qsched.execution.board import Board, Rank, in_order
from qsched.execution.cohorts import Cohort
from qsched.specs import Run, RunResult, TaskSpec

__all__ = [
    "Alone",
    "Answers",
    "Executor",
    "Inline",
    "Train",
    "never",
    "one_by_one",
    "parts_for",
    "train_checked",
]

Train = Callable[[Sequence[Run]], list[RunResult]]
"""Trains runs of one task and length; one result a run, in their order."""

Alone = Callable[[TaskSpec], bool]
"""Says whether training computes each run of a task by itself, so that cohorts of few runs are as
fast as those of many."""

Answers = list[tuple[int, list[RunResult]]]
"""Cohorts that have completed: the index and the results of each; at least one."""


class Executor(Protocol):
    """Runs cohorts somewhere. A context manager: leaving it gives back what it holds."""

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        """Yield what has completed meanwhile, as soon as something has, in any order.

        All of it at once, so that whoever stores results needs one transaction for those that came
        while the ones before were stored; :func:`one_by_one` has them one by one.

        Whoever uses a result may append to ``cohorts``, and these are trained in the same call; so
        workers go on from one to the next where a call for each would wait for its last.

        Args:
            cohorts: what is to be trained.
            rank: how urgent a cohort is, by its index; the least comes first.

        Raises:
            TrainingError: a cohort could not be trained; raised after all cohorts that were
                finished or under way are yielded.
        """
        ...

    def parts(self, task: TaskSpec) -> int:
        """Return what the number of cohorts of a task should be a multiple of, at least 1.

        More than 1 where each run trains alone, so that all workers end together; 1 where cohorts
        train as one computation, and fewer of them are faster.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Inline:
    """Trains in this process, one cohort after the other.

    Args:
        train: the training function.
    """

    def __init__(self, train: Train) -> None:
        self._train = train

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        """Yield each cohort when it is trained; see :meth:`Executor.run`."""
        board = Board(cohorts, 0, rank)
        while (index := board.next()) is not None:
            yield [(index, train_checked(self._train, cohorts[index]))]

    def parts(self, task: TaskSpec) -> int:
        """Return 1: there is one worker; see :meth:`Executor.parts`."""
        return 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def never(_: TaskSpec) -> bool:
    """Say that cohorts train as one computation."""
    return False


def parts_for(workers: int, alone: bool) -> int:
    """Return :meth:`Executor.parts` of some workers; ``alone``: each run trains by itself.

    Two cohorts a worker then: who has the faster ones takes the last one from the others.
    """
    return 2 * workers if alone else 1


def one_by_one(answers: Iterable[Answers]) -> Iterator[tuple[int, list[RunResult]]]:
    """Return what :meth:`Executor.run` yields, a cohort at a time."""
    return chain.from_iterable(answers)


def train_checked(train: Train, cohort: Cohort) -> list[RunResult]:
    """Train one cohort and check that its results answer its runs.

    Raises:
        TrainingError: ``train`` raised something, or its results are not those of the runs.
        QschedError: what ``train`` raised on purpose, as it is.
    """
    try:
        results = train(cohort)
    except QschedError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or "no reason given"
        raise TrainingError(f"{described(cohort)}: {type(error).__name__}: {reason}") from error
    if [result.key for result in results] != [run.key for run in cohort]:
        raise TrainingError(
            f"{described(cohort)}: training must return one result a run, in their order, but the "
            f"keys of the {len(results)} results are not those of the runs"
        )
    return results


def described(cohort: Cohort) -> str:
    """Return a cohort's name in messages."""
    task = cohort[0].task
    seeds = sorted({run.seed for run in cohort})
    return (
        f"cohort of {len(cohort)} runs ({task.network.name} on {task.data.name}, length "
        f"{cohort[0].length:g}, seeds {seeds[0]} to {seeds[-1]})"
    )
