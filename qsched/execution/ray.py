"""Cohorts on Ray: long-lived actors on this machine or on a cluster.

Why plain actors and not Ray Tune: ``docs/adr/0001-ray-actors.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import ray

from qsched.execution.board import Board, Rank, in_order
from qsched.execution.cohorts import Cohort
from qsched.execution.drive import RETRIES, drive, pending
from qsched.execution.executor import Alone, Answers, Train, never, parts_for
from qsched.execution.population import Evolved, Population, Tell
from qsched.execution.ray_cluster import SPARE, Connection, connect
from qsched.execution.ray_pool import RayPool
from qsched.execution.ray_worker import surroundings
from qsched.plugins import Plugin
from qsched.specs import TaskSpec

__all__ = ["Ray"]

_LEASE = 15.0
_SUPPOSED = 16
"""Workers of a cluster that is to be used as far as it goes; how far, is seen as it is used."""


class Ray:
    """Trains on Ray actors, which serve until the executor is closed.

    A cohort whose worker dies, loses its node, does not answer for the length of its lease, or
    raises something, is handed to another one, at most twice. A worker that was only slow may
    still answer: the first answer for a cohort counts. Workers need no access to the study
    database, and the files of plugins come to them by content.

    Args:
        train: the training function, of a module that workers can import.
        workers: number of actors, at least 1; None is as many as the cluster holds.
        plugins: files that each worker loads first.
        address: of a running cluster (:func:`~qsched.execution.ray_cluster.connect`); None starts
            one on this machine, which ends with this process.
        cpus: CPUs of a worker; its arithmetic uses so many threads.
        gpus: GPUs of a worker; a fraction shares one.
        alone: says of which tasks each run trains by itself.
        lease: seconds of silence after which a worker is given up.

    Raises:
        ValueError: ``workers`` is less than 1, or a local instance has no number of workers.
        InputError: a plugin cannot be read.
    """

    def __init__(
        self,
        train: Train,
        workers: int | None = None,
        plugins: Sequence[Path] = (),
        *,
        address: str | None = None,
        cpus: float = 1.0,
        gpus: float = 0.0,
        alone: Alone = never,
        lease: float = _LEASE,
    ) -> None:
        if workers is None and address is None:
            raise ValueError("a local instance needs a number of workers, but got None")
        if workers is not None and workers < 1:
            raise ValueError(f"an executor needs workers >= 1, but got {workers}")
        self._arguments = (train, tuple(map(Plugin.read, plugins)), surroundings())
        self._size, self._address = workers, address
        self._cpus, self._gpus, self._alone = cpus, gpus, alone
        self._pool = RayPool(*self._arguments, size=workers, cpus=cpus, gpus=gpus, lease=lease)
        self._connection: Connection | None = None
        self._board: Board | None = None

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        """Yield what has completed, as soon as something has; see :meth:`Executor.run`.

        Raises:
            InputError: no cluster answers at the address, or it has no room for a worker.
            TrainingError: a cohort could not be trained, or lost its worker three times.
        """
        if not cohorts:
            return
        self._connect()
        self._board = Board(cohorts, RETRIES, rank)
        try:
            yield from drive(self._board, cohorts, self._pool)
        finally:
            self._board = None

    def parts(self, task: TaskSpec) -> int:
        """Return what the number of cohorts is a multiple of; see :meth:`Executor.parts`."""
        return parts_for(self._size or _SUPPOSED, self._alone(task))

    def evolve(self, population: Population, tell: Tell) -> Evolved:
        """Train a population; see :meth:`~qsched.execution.population.Evolving.evolve`.

        Workers give their places to its members, and start anew when they are needed again.

        Raises:
            ValueError: cohorts are in training.
            InputError: no cluster answers at the address.
            TrainingError: a member could not be trained, or the deadline has passed.
        """
        from qsched.execution.ray_population import evolve  # Ray Tune takes seconds to import.

        if self._board is not None and pending(self._board, self._pool):
            raise ValueError("a population trains alone, but cohorts are in training")
        self._connect()
        self._pool.close()
        # The spare half of a local instance would let twice as many members train at a time.
        spare = SPARE if self._connection is not None and self._address is None else 1
        resources = {"CPU": spare * self._cpus, "GPU": self._gpus}
        needs = {kind: amount for kind, amount in resources.items() if amount}
        return evolve(*self._arguments, population, needs, tell)

    def close(self) -> None:
        """End all workers at once, and Ray if it was started here."""
        if ray.is_initialized():
            self._pool.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self) -> None:
        if self._connection is None:
            self._connection = connect(self._address, self._cpus * (self._size or 1))
