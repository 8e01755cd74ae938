"""Cohorts on Ray: long-lived actors on this machine or on a cluster.

Why plain actors and not Ray Tune: ``docs/adr/0001-ray-actors.md``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import ray
from ray.exceptions import RayError, RayTaskError

from qsched.errors import QschedError, TrainingError
from qsched.execution.board import Board, Rank, in_order
from qsched.execution.cohorts import Cohort
from qsched.execution.executor import Answers, Train, described
from qsched.execution.population import Evolved, Population, Tell
from qsched.execution.ray_cluster import SPARE, Connection, connect, end, room, worker_kind
from qsched.execution.ray_worker import surroundings
from qsched.execution.worker import Done, Failed, Outcome
from qsched.plugins import Plugin

__all__ = ["Ray"]

_LEASE = 15.0
_BEATS = 5
_RETRIES = 2
_TICK = 0.5
_START = 300.0


@dataclass(eq=False)
class _Worker:
    """An actor, what it was asked, and when it was last heard of.

    Attributes:
        actor: its handle.
        started: answer to ``start``; None once it is ready.
        heard: when it last answered, or was not listened to.
        cohort: number of the cohort that it has; None: it has none.
        answer, beat: what is asked of it now.
        silent: whether it missed its lease; its cohort is another's then.
        node, pid: where it runs.
    """

    actor: Any
    started: Any
    heard: float
    cohort: int | None = None
    answer: Any = None
    beat: Any = None
    silent: bool = False
    node: str = ""
    pid: int = 0


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
        lease: float = _LEASE,
    ) -> None:
        if workers is None and address is None:
            raise ValueError("a local instance needs a number of workers, but got None")
        if workers is not None and workers < 1:
            raise ValueError(f"an executor needs workers >= 1, but got {workers}")
        self._arguments = (train, tuple(map(Plugin.read, plugins)), surroundings())
        self._size, self._address = workers, address
        self._cpus, self._gpus, self._lease = cpus, gpus, lease
        self._workers: list[_Worker] = []
        self._connection: Connection | None = None
        self._board: Board | None = None
        self._false_starts = 0
        self._last_words = ""

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        """Yield what has completed, as soon as something has; see :meth:`Executor.run`.

        Raises:
            InputError: no cluster answers at the address, or it has no room for a worker.
            TrainingError: a cohort could not be trained, or lost its worker three times.
        """
        if not cohorts:
            return
        self._connect()
        self._size = self._size or room(self._cpus, self._gpus)
        board = self._board = Board(cohorts, _RETRIES, rank)
        failure: QschedError | None = None
        try:
            while board.waiting or self._awaited(board):
                self._start(board.waiting)
                self._assign(board, cohorts)
                finished: Answers = []
                for worker, outcome in self._outcomes():
                    cohort, worker.cohort = worker.cohort, None
                    match outcome:
                        case Done(results) if cohort is not None and board.accept(cohort):
                            finished.append((cohort, results))
                        case Failed(reason):
                            failure = failure or self._failed(worker, cohort, reason, board)
                        case None:
                            failure = failure or self._lost(worker, cohort, board, cohorts)
                failure = failure or self._give_up(board, cohorts)
                if failure is not None:
                    board.clear()
                self._assign(board, cohorts)  # Nobody idles while the caller uses the results.
                if finished:
                    yield finished
                    self._forgive()
        finally:
            # Whoever stops listening early, or has all answers, wants these no more.
            self._board = None
            self._stop([worker for worker in self._workers if worker.cohort is not None])
        if failure is not None:
            raise failure

    def evolve(self, population: Population, tell: Tell) -> Evolved:
        """Train a population; see :meth:`~qsched.execution.population.Evolving.evolve`.

        Workers give their places to its members, and start anew when they are needed again.

        Raises:
            ValueError: cohorts are in training.
            InputError: no cluster answers at the address.
            TrainingError: a member could not be trained, or the deadline has passed.
        """
        from qsched.execution.ray_population import evolve  # Ray Tune takes seconds to import.

        if self._board is not None and (self._board.waiting or self._awaited(self._board)):
            raise ValueError("a population trains alone, but cohorts are in training")
        self._connect()
        self._stop(list(self._workers))
        # The spare half of a local instance would let twice as many members train at a time.
        spare = SPARE if self._connection is not None and self._address is None else 1
        resources = {"CPU": spare * self._cpus, "GPU": self._gpus}
        needs = {kind: amount for kind, amount in resources.items() if amount}
        return evolve(*self._arguments, population, needs, tell)

    def close(self) -> None:
        """End all workers at once, and Ray if it was started here."""
        if ray.is_initialized():
            self._stop(list(self._workers))
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

    def _awaited(self, board: Board) -> bool:
        """Return whether a worker that answers has a cohort without an answer."""
        return any(
            worker.cohort is not None and not worker.silent and not board.answered(worker.cohort)
            for worker in self._workers
        )

    def _start(self, wanted: int) -> None:
        """Start workers for ``wanted`` more cohorts, as far as the size of the pool allows.

        A pool that is too large, since a silent worker is back, loses one that is idle.
        """
        heard = [worker for worker in self._workers if not worker.silent]
        size = self._size or 1
        free = sum(worker.cohort is None for worker in heard)
        for _ in range(min(wanted - free, size - len(heard))):
            actor = worker_kind(self._cpus, self._gpus).remote(*self._arguments)
            self._workers.append(_Worker(actor, actor.start.remote(), time.monotonic()))
        if len(heard) > size and (idle := [one for one in heard if one.cohort is None]):
            self._stop(idle[: len(heard) - size])

    def _assign(self, board: Board, cohorts: Sequence[Cohort]) -> None:
        for worker in self._workers:
            idle = worker.started is None and worker.cohort is None and not worker.silent
            if idle and (cohort := board.next()) is not None:
                worker.cohort, worker.heard = cohort, time.monotonic()
                worker.answer = worker.actor.train.remote(cohorts[cohort])

    def _outcomes(self) -> Iterator[tuple[_Worker, Outcome | None]]:
        """Wait a little, then yield the answers of workers; None is the loss of one."""
        self._ask_for_life()
        asked = {
            ref: worker
            for worker in self._workers
            for ref in (worker.started, worker.answer, worker.beat)
            if ref is not None
        }
        if not asked:
            time.sleep(_TICK)
            return
        refs = list(asked)
        if ray.wait(refs, timeout=_TICK)[0]:
            for ref in ray.wait(refs, num_returns=len(refs), timeout=0)[0]:
                if asked[ref] in self._workers:
                    yield from self._answer(asked[ref], ref)

    def _answer(self, worker: _Worker, ref: Any) -> Iterator[tuple[_Worker, Outcome | None]]:
        """Note what a worker answered, and yield what it says of its start or its cohort."""
        try:
            value = ray.get(ref)
        except RayTaskError as error:
            value = Failed(TrainingError(f"a worker failed: {_one_line(error)}"))
            if ref is worker.started:
                value = (value, "", 0)
        except RayError as error:
            self._last_words = _one_line(error)
            self._stop([worker])
            yield worker, None
            return
        worker.heard, worker.silent = time.monotonic(), False
        if ref is worker.beat:
            worker.beat = None
        elif ref is worker.answer:
            worker.answer = None
            yield worker, value
        else:
            outcome, worker.node, worker.pid = value
            worker.started, self._false_starts = None, 0
            if isinstance(outcome, Failed):
                self._stop([worker])
                yield worker, outcome

    def _ask_for_life(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            due = now - worker.heard > self._lease / _BEATS
            if worker.answer is not None and worker.beat is None and due:
                worker.beat = worker.actor.alive.remote()

    def _failed(
        self, worker: _Worker, cohort: int | None, reason: QschedError, board: Board
    ) -> QschedError | None:
        """Let another worker try what raised something; return what is of no use to try again.

        A mistake of the user is tried again, too: the study process has checked the task, so that
        something is missing on the worker's node.
        """
        if cohort is None:
            return reason  # It could not even start.
        self._stop([worker])
        return None if board.put_back(cohort) else reason

    def _lost(
        self, worker: _Worker, cohort: int | None, board: Board, cohorts: Sequence[Cohort]
    ) -> TrainingError | None:
        """Put the cohort that a dead worker had back; return an error if that is of no use."""
        if worker.started is not None:
            self._false_starts += 1
            if self._false_starts > _RETRIES:
                return TrainingError(f"workers end before they are ready: {self._last_words}")
        if cohort is None or worker.silent or board.put_back(cohort):
            return None
        return TrainingError(
            f"{described(cohorts[cohort])} lost its worker {_RETRIES + 1} times, the last "
            f"time: {self._last_words} (mostly a lack of memory: train fewer lanes together)"
        )

    def _give_up(self, board: Board, cohorts: Sequence[Cohort]) -> TrainingError | None:
        """Take the cohorts of silent workers away, and end those that stay silent."""
        now = time.monotonic()
        for worker in list(self._workers):
            silence = now - worker.heard
            if worker.started is not None:
                if silence > _START and all(other.started for other in self._workers):
                    return TrainingError(
                        f"workers must start within {_START:g} s, but none of "
                        f"{len(self._workers)} did; check with `ray status` that there are "
                        f"{self._cpus:g} CPUs and {self._gpus:g} GPUs for each"
                    )
            elif worker.silent and silence > 3 * self._lease:
                self._stop([worker])
            elif worker.cohort is not None and not worker.silent and silence > self._lease:
                worker.silent = True
                if not board.put_back(worker.cohort):
                    return TrainingError(
                        f"{described(cohorts[worker.cohort])} silenced {_RETRIES + 1} workers for "
                        f"{self._lease:g} s each; look at the machines they ran on"
                    )
        return None

    def _forgive(self) -> None:
        """Begin all leases anew: nobody has listened while the caller used the results."""
        now = time.monotonic()
        for worker in self._workers:
            if not worker.silent:
                worker.heard = now

    def _stop(self, workers: Sequence[_Worker]) -> None:
        for worker in workers:
            self._workers.remove(worker)
            end(worker.actor, worker.node, worker.pid)


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or ["no reason given"])[-1][:300]
