"""Cohorts on processes of this machine."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Self

from qsched.errors import InputError, QschedError, TrainingError
from qsched.execution.board import Board, Rank, in_order
from qsched.execution.cohorts import Cohort
from qsched.execution.executor import Answers, Train, described
from qsched.execution.worker import BEAT, Done, Failed, Outcome, Ready, work
from qsched.plugins import Plugin

__all__ = ["Local"]

_RETRIES = 2
_LEASE = 15.0
_START = 300.0
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_SPAWN = get_context("spawn")


@dataclass(eq=False)
class _Worker:
    """A process, and what is known of it.

    Attributes:
        process: the process.
        connection: takes cohorts, gives answers.
        pulse: gives a sign of life now and then.
        ready: whether it can train.
        job: number of the cohort that it has; None: it has none.
        silence: seconds for which this process has listened to it in vain.
    """

    process: SpawnProcess
    connection: Connection[Cohort, Outcome]
    pulse: Connection[None, None]
    ready: bool = False
    job: int | None = None
    silence: float = 0.0


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
        lease: seconds of silence after which a worker is ended.

    Raises:
        ValueError: ``workers`` is less than 1.
        InputError: a plugin cannot be read.
        TypeError: ``train`` cannot be sent to a process.
    """

    def __init__(
        self,
        train: Train,
        workers: int,
        plugins: Sequence[Path] = (),
        *,
        lease: float = _LEASE,
    ) -> None:
        if workers < 1:
            raise ValueError(f"an executor needs workers >= 1, but got {workers}")
        try:
            pickle.dumps(train)
        except (pickle.PicklingError, AttributeError) as error:
            raise TypeError(f"`train` must be a top-level function: {error}") from None
        self._arguments = (train, tuple(map(Plugin.read, plugins)))
        self._size, self._lease = workers, lease
        self._workers: list[_Worker] = []

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        """Yield what has completed, as soon as something has; see :meth:`Executor.run`.

        Raises:
            TrainingError: a cohort could not be trained, or ended its worker three times.
        """
        board = Board(cohorts, _RETRIES, rank)
        failure: QschedError | None = None
        try:
            while board.waiting or self._busy():
                self._start(board.waiting)
                self._assign(board, cohorts)
                finished: Answers = []
                for worker, outcome in self._outcomes():
                    job, worker.job = worker.job, None
                    match outcome:
                        case Ready():
                            worker.ready = True
                        case Done(results) if job is not None:
                            board.accept(job)
                            finished.append((job, results))
                        case Failed(reason):
                            failure = failure or self._failed(worker, job, reason, board)
                        case _:
                            failure = failure or self._bury(worker, job, cohorts, board)
                if failure is not None:
                    board.clear()
                self._assign(board, cohorts)  # Nobody idles while the caller uses the results.
                if finished:
                    yield finished
        finally:
            # Whoever stops listening early must not find old answers in the next call.
            self._stop(self._busy())
        if failure is not None:
            raise failure

    def close(self) -> None:
        """End all workers at once; a cohort under way is lost."""
        self._stop(list(self._workers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.job is not None]

    def _start(self, wanted: int) -> None:
        """Start workers for ``wanted`` more cohorts, as far as the size of the pool allows."""
        free = sum(worker.job is None for worker in self._workers)
        count = min(wanted - free, self._size - len(self._workers))
        for _ in range(count):
            here, there = _SPAWN.Pipe()
            ear, mouth = _SPAWN.Pipe(duplex=False)
            arguments = (there, mouth, *self._arguments)
            process = _SPAWN.Process(target=work, args=arguments, daemon=True)
            with _surroundings():
                process.start()
            there.close()
            mouth.close()
            self._workers.append(_Worker(process, here, ear))

    def _assign(self, board: Board, cohorts: Sequence[Cohort]) -> None:
        for worker in self._workers:
            if worker.ready and worker.job is None and (job := board.next()) is not None:
                worker.job = job
                with suppress(OSError):  # It has died: the end of file says so below.
                    worker.connection.send(cohorts[job])

    def _outcomes(self) -> Iterator[tuple[_Worker, Outcome | None]]:
        """Wait a little, then yield what workers answer; None is the death of one."""
        began = time.monotonic()
        ready = wait([worker.connection for worker in self._workers], BEAT)
        # No more than was asked for: whatever stopped this process may have stopped all.
        listened = min(time.monotonic() - began, BEAT)
        for worker in list(self._workers):
            self._listen(worker, listened)
            if worker.connection in ready:
                try:
                    yield worker, worker.connection.recv()
                except (EOFError, OSError):
                    yield worker, None
            elif self._stalls(worker):
                yield worker, None

    def _listen(self, worker: _Worker, seconds: float) -> None:
        """Take a worker's signs of life; its silence grows by ``seconds`` if there are none."""
        worker.silence += seconds
        with suppress(EOFError, OSError):  # It has died: its connection says so.
            while worker.pulse.poll():
                worker.pulse.recv()
                worker.silence = 0.0

    def _stalls(self, worker: _Worker) -> bool:
        return worker.silence > (self._lease if worker.ready else _START)

    def _failed(
        self, worker: _Worker, job: int | None, reason: QschedError, board: Board
    ) -> QschedError | None:
        """Let another worker try what raised something; return what is of no use to try again."""
        if job is None or isinstance(reason, InputError):
            return reason
        self._stop([worker])
        return None if board.put_back(job) else reason

    def _bury(
        self, worker: _Worker, job: int | None, cohorts: Sequence[Cohort], board: Board
    ) -> TrainingError | None:
        """Remove a dead worker that had ``job``; return an error if another would die too."""
        silent = self._stalls(worker)
        self._stop([worker])
        code = worker.process.exitcode
        if not worker.ready:
            return TrainingError(
                f"a worker ended with exit code {code} before it was ready; if a script started "
                'it, the script must do so under `if __name__ == "__main__":`'
            )
        if job is None or board.put_back(job):
            return None
        if silent:
            return TrainingError(
                f"{described(cohorts[job])} lost its worker {_RETRIES + 1} times, the last time "
                f"because it gave no sign of life for {self._lease:g} s; training must let other "
                "threads of its process go on"
            )
        return TrainingError(
            f"{described(cohorts[job])} ended its worker {_RETRIES + 1} times, the last time with "
            f"exit code {code} (-9 is mostly a lack of memory: train fewer lanes together)"
        )

    def _stop(self, workers: Sequence[_Worker]) -> None:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join(1)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.connection.close()
            worker.pulse.close()
            self._workers.remove(worker)


@contextmanager
def _surroundings() -> Iterator[None]:
    """Let a process be born with one thread for arithmetic and deaf to Ctrl-C.

    Both must hold before its first import: libraries read the variables only once, and a Ctrl-C in
    the middle of an import would print a traceback.
    """
    resource_tracker.ensure_running()  # It would unblock the signal when it starts.
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(_ONE_THREAD)
    try:
        with _interrupts_later():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Let a Ctrl-C wait for the end of the block.

    Blocking the signal is not enough: a thread of a library may take it, and Python would then
    interrupt this one, which is half way through telling the new process what to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)
