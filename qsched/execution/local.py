"""Cohorts on processes of this machine."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

from qsched.execution.board import Board, Rank, in_order
from qsched.execution.cohorts import Cohort
from qsched.execution.drive import RETRIES, drive
from qsched.execution.executor import Alone, Answers, Train, never, parts_for
from qsched.execution.local_pool import LocalPool
from qsched.execution.worker import Duty
from qsched.plugins import Plugin
from qsched.specs import TaskSpec

__all__ = ["Local"]

_LEASE = 15.0


class Local:
    """Trains on ``workers`` processes of this machine, each with one thread.

    Processes start when they are first needed and serve until the executor is closed. One that
    dies, gives no sign of life for the length of its lease, or in which training raises something
    other than ``InputError``, is replaced, and its cohort trained again, at most twice; the others
    go on. All die with the process that started them, however that ends.

    A script that uses it must guard its own start with ``if __name__ == "__main__":``, because
    every worker imports it.

    Args:
        train: the training function: a top-level function of a module.
        workers: number of processes, at least 1.
        plugins: files that each worker loads first.
        alone: says of which tasks each run trains by itself.
        lease: seconds of silence after which a worker is ended.
        initializer: what each worker calls before its first cohort, to load what training takes; a
            top-level function of a module, or a partial of one. What it raises is ignored:
            training will raise it.

    Raises:
        ValueError: ``workers`` is less than 1.
        InputError: a plugin cannot be read.
        TypeError: ``train`` or ``initializer`` cannot be sent to a process.
    """

    def __init__(
        self,
        train: Train,
        workers: int,
        plugins: Sequence[Path] = (),
        *,
        alone: Alone = never,
        lease: float = _LEASE,
        initializer: Callable[[], object] | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"an executor needs workers >= 1, but got {workers}")
        try:
            pickle.dumps((train, initializer))
        except (pickle.PicklingError, AttributeError) as error:
            raise TypeError(
                f"`train` and `initializer` must be top-level functions: {error}"
            ) from None
        duty = Duty(train, tuple(map(Plugin.read, plugins)), initializer)
        self._pool = LocalPool(duty, workers, lease)
        self._workers, self._alone = workers, alone

    def start(self, count: int) -> None:
        """Start up to ``count`` processes now, so that they load what they need meanwhile."""
        self._pool.start(count)

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        """Yield what has completed, as soon as something has; see :meth:`Executor.run`.

        Raises:
            TrainingError: a cohort could not be trained, or ended its worker three times.
        """
        yield from drive(Board(cohorts, RETRIES, rank), cohorts, self._pool)

    def parts(self, task: TaskSpec) -> int:
        """Return what the number of cohorts is a multiple of; see :meth:`Executor.parts`."""
        return parts_for(self._workers, self._alone(task))

    def close(self) -> None:
        """End all workers at once; a cohort under way is lost."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
