"""Workers that are processes of this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from qsched.errors import InputError, TrainingError
from qsched.execution.birth import surroundings
from qsched.execution.cohorts import Cohort
from qsched.execution.drive import RETRIES, Answer, Broken, Event, Job, Lost
from qsched.execution.executor import described
from qsched.execution.worker import BEAT, Done, Duty, Failed, Outcome, Ready, work

__all__ = ["LocalPool"]

_START = 300.0
_SPAWN = get_context("spawn")


@dataclass(eq=False)
class _Worker:
    """A process, and what is known of it.

    Attributes:
        process: the process.
        connection: takes cohorts, gives answers.
        pulse: gives a sign of life now and then.
        ready: whether it can train.
        job: what it trains.
        silence: seconds for which this process has listened to it in vain.
    """

    process: SpawnProcess
    connection: Connection[Cohort, Outcome]
    pulse: Connection[None, None]
    ready: bool = False
    job: Job | None = None
    silence: float = 0.0


class LocalPool:
    """Processes that are started when they are first needed.

    What its methods do: :class:`~qsched.execution.drive.Pool`.

    Args:
        duty: what each of them does.
        size: number of processes.
        lease: seconds of silence after which one is ended.
    """

    def __init__(self, duty: Duty, size: int, lease: float) -> None:
        self._duty = duty
        self._size, self._lease = size, lease
        self._workers: list[_Worker] = []
        self._killed_early = 0

    def start(self, wanted: int) -> None:
        """Start workers for ``wanted`` more cohorts, as far as the size of the pool allows."""
        free = sum(worker.job is None for worker in self._workers)
        count = min(wanted - free, self._size - len(self._workers))
        for _ in range(count):
            here, there = _SPAWN.Pipe()
            ear, mouth = _SPAWN.Pipe(duplex=False)
            arguments = (there, mouth, self._duty)
            process = _SPAWN.Process(target=work, args=arguments, daemon=True)
            with surroundings():
                process.start()
            there.close()
            mouth.close()
            self._workers.append(_Worker(process, here, ear))

    def idle(self) -> list[_Worker]:
        """Return the workers that are ready and have no cohort."""
        return [worker for worker in self._workers if worker.ready and worker.job is None]

    def give(self, worker: _Worker, job: Job) -> None:
        """Send a cohort to a worker."""
        worker.job = job
        with suppress(OSError):  # It has died: the end of file says so to who listens.
            worker.connection.send(job.cohort)

    def awaited(self) -> list[int]:
        """Return the numbers of the cohorts that workers have."""
        return [worker.job.number for worker in self._workers if worker.job is not None]

    def listen(self) -> Iterator[Event]:
        """Wait a little, then yield what workers answer, and what has lost its worker."""
        began = time.monotonic()
        ready = wait([worker.connection for worker in self._workers], BEAT)
        # No more than was asked for: whatever stopped this process may have stopped all.
        listened = min(time.monotonic() - began, BEAT)
        for worker in list(self._workers):
            self._feel(worker, listened)
            event = None
            if worker.connection in ready:
                event = self._answer(worker)
            elif self._stalls(worker):
                event = self._bury(worker)
            if event is not None:
                yield event

    def drop(self) -> None:
        """End the workers that have a cohort."""
        self._stop([worker for worker in self._workers if worker.job is not None])

    def close(self) -> None:
        """End all workers."""
        self._stop(list(self._workers))

    def _feel(self, worker: _Worker, seconds: float) -> None:
        """Take a worker's signs of life; its silence grows by ``seconds`` if there are none."""
        worker.silence += seconds
        with suppress(EOFError, OSError):  # It has died: its connection says so.
            while worker.pulse.poll():
                worker.pulse.recv()
                worker.silence = 0.0

    def _stalls(self, worker: _Worker) -> bool:
        return worker.silence > (self._lease if worker.ready else _START)

    def _answer(self, worker: _Worker) -> Event | None:
        """Take what a worker says; what raised something, another one may train."""
        try:
            outcome = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker)
        job, worker.job = worker.job, None
        match outcome:
            case Ready():
                worker.ready = True
            case Done(results) if job is not None:
                return Answer(job.number, results)
            case Failed(error) if job is not None and not isinstance(error, InputError):
                self._stop([worker])
                return Lost(job.number, error)
            case Failed(error):
                return Broken(error)
        return None

    def _bury(self, worker: _Worker) -> Event | None:
        """Remove a worker that has died, or gives no sign of life."""
        silent = self._stalls(worker)
        self._stop([worker])
        code = worker.process.exitcode
        if not worker.ready and code is not None and code < 0 and self._killed_early < RETRIES:
            self._killed_early += 1  # Not its own doing: another one starts in its place.
            return None
        if not worker.ready:
            return Broken(
                TrainingError(
                    f"a worker ended with exit code {code} before it was ready; if a script "
                    'started it, the script must do so under `if __name__ == "__main__":`'
                )
            )
        if worker.job is None:
            return None
        name, times = described(worker.job.cohort), RETRIES + 1
        if silent:
            words = (
                f"{name} lost its worker {times} times, the last time because it gave no sign of "
                f"life for {self._lease:g} s; training must let other threads of its process go on"
            )
        else:
            words = (
                f"{name} ended its worker {times} times, the last time with exit code {code} "
                "(-9 is mostly a lack of memory: train fewer lanes together)"
            )
        return Lost(worker.job.number, TrainingError(words))

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
