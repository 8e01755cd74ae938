"""What every executor does: cohorts in, results out as they complete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol, Self

from qsched.errors import QschedError, TrainingError
from qsched.execution.board import Board, Rank, in_order
from qsched.execution.cohorts import Cohort
from qsched.specs import Run, RunResult

__all__ = ["Answers", "Executor", "Inline", "Train", "one_by_one", "train_checked"]

Train = Callable[[Sequence[Run]], list[RunResult]]
"""Trains runs of one task and length; one result a run, in their order."""

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


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
