"""Workers that are Ray actors, on this machine or on a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from qsched.errors import TrainingError
from qsched.execution.drive import RETRIES, Answer, Broken, Event, Job, Lost
from qsched.execution.executor import Train, described
from qsched.execution.ray_cluster import end, room, worker_kind
from qsched.execution.worker import Done, Failed, Outcome
from qsched.plugins import Plugin

__all__ = ["RayPool"]

_BEATS = 5
_TICK = 0.5
_START = 300.0


@dataclass(eq=False)
class _Worker:
    """An actor, and what it was asked.

    Attributes:
        actor: its handle.
        started: answer to ``start``; None once it is ready.
        job: what it trains.
        answer, beat: what is asked of it now.
        silence: seconds for which this process has listened to it in vain.
        silent: whether it missed its lease; its cohort is another's then.
        node, pid: where it runs.
    """

    actor: Any
    started: Any
    job: Job | None = None
    answer: Any = None
    beat: Any = None
    silence: float = 0.0
    silent: bool = False
    node: str = ""
    pid: int = 0


class RayPool:
    """Actors of the cluster to which this process is connected.

    What its methods do: :class:`~qsched.execution.drive.Pool`.

    Args:
        train: the training function.
        plugins: loaded first.
        environment: variables to set where a worker's machine has none.
        size: number of actors; None is as many as the cluster holds.
        cpus, gpus: what one needs.
        lease: seconds of silence after which its cohort is another's; after three times as many it
            is ended.
    """

    def __init__(
        self,
        train: Train,
        plugins: Sequence[Plugin],
        environment: Mapping[str, str],
        *,
        size: int | None,
        cpus: float,
        gpus: float,
        lease: float,
    ) -> None:
        self._arguments = train, plugins, environment
        self._size, self._cpus, self._gpus, self._lease = size, cpus, gpus, lease
        self._workers: list[_Worker] = []
        self._false_starts = 0

    def start(self, wanted: int) -> None:
        """Start workers for ``wanted`` more cohorts, as far as the size of the pool allows.

        A pool that is too large, since a silent worker is back, loses one that is idle.

        Raises:
            InputError: the cluster has no room for a worker.
        """
        size = self._size = self._size or room(self._cpus, self._gpus)
        heard = [worker for worker in self._workers if not worker.silent]
        free = sum(worker.job is None for worker in heard)
        for _ in range(min(wanted - free, size - len(heard))):
            actor = worker_kind(self._cpus, self._gpus).remote(*self._arguments)
            self._workers.append(_Worker(actor, actor.start.remote()))
        if len(heard) > size and (idle := [one for one in heard if one.job is None]):
            self._stop(idle[: len(heard) - size])

    def idle(self) -> list[_Worker]:
        """Return the workers that are ready, not silent, and have no cohort."""
        return [
            worker
            for worker in self._workers
            if worker.started is None and worker.job is None and not worker.silent
        ]

    def give(self, worker: _Worker, job: Job) -> None:
        """Send a cohort to a worker."""
        worker.job, worker.silence = job, 0.0
        worker.answer = worker.actor.train.remote(job.cohort)

    def awaited(self) -> list[int]:
        """Return the numbers of the cohorts that workers have which are not silent."""
        return [
            worker.job.number
            for worker in self._workers
            if worker.job is not None and not worker.silent
        ]

    def listen(self) -> Iterator[Event]:
        """Wait a little, then yield what workers answer, and what has lost its worker."""
        self._ask_for_life()
        for worker, ref in self._ready():
            if worker in self._workers and (event := self._take(worker, ref)) is not None:
                yield event
        for worker in list(self._workers):
            if (event := self._judge(worker)) is not None:
                yield event

    def drop(self) -> None:
        """End the workers that have a cohort."""
        self._stop([worker for worker in self._workers if worker.job is not None])

    def close(self) -> None:
        """End all workers."""
        self._stop(list(self._workers))

    def _ask_for_life(self) -> None:
        for worker in self._workers:
            due = worker.silence > self._lease / _BEATS
            if worker.answer is not None and worker.beat is None and due:
                worker.beat = worker.actor.alive.remote()

    def _ready(self) -> list[tuple[_Worker, Any]]:
        """Wait a little for what was asked, and return what is answered, and by whom."""
        asked = {
            ref: worker
            for worker in self._workers
            for ref in (worker.started, worker.answer, worker.beat)
            if ref is not None
        }
        refs, ready, began = list(asked), [], time.monotonic()
        if not refs:
            time.sleep(_TICK)
        elif ray.wait(refs, timeout=_TICK)[0]:
            ready = ray.wait(refs, num_returns=len(refs), timeout=0)[0]
        # No more than was asked for: whatever stopped this process may have stopped all.
        listened = min(time.monotonic() - began, _TICK)
        for worker in self._workers:
            worker.silence += listened
        return [(asked[ref], ref) for ref in ready]

    def _take(self, worker: _Worker, ref: Any) -> Event | None:
        """Take what a worker answers: that it lives, has started, or has trained its cohort."""
        try:
            value = ray.get(ref)
        except RayTaskError as error:
            value = Failed(TrainingError(f"a worker failed: {_one_line(error)}"))
            if ref is worker.started:
                value = (value, "", 0)
        except RayError as error:
            self._stop([worker])
            return self._lost(worker, _one_line(error))
        worker.silence, worker.silent = 0.0, False
        if ref is worker.beat:
            worker.beat = None
            return None
        if ref is worker.answer:
            worker.answer = None
            return self._answer(worker, value)
        outcome, worker.node, worker.pid = value
        worker.started, self._false_starts = None, 0
        if isinstance(outcome, Failed):
            self._stop([worker])
            return Broken(outcome.error)
        return None

    def _answer(self, worker: _Worker, outcome: Outcome) -> Event | None:
        """Take what became of a worker's cohort; what raised something, another one may train.

        A mistake of the user is tried again, too: the study process has checked the task, so that
        something is missing on the worker's node.
        """
        job, worker.job = worker.job, None
        match outcome:
            case Done(results) if job is not None:
                return Answer(job.number, results)
            case Failed(error) if job is not None:
                self._stop([worker])
                return Lost(job.number, error)
        return None

    def _lost(self, worker: _Worker, words: str) -> Event | None:
        """Return what the loss of a worker means, whose last ``words`` are these."""
        if worker.started is not None:
            self._false_starts += 1
            if self._false_starts > RETRIES:
                return Broken(TrainingError(f"workers end before they are ready: {words}"))
        if worker.job is None or worker.silent:
            return None
        return Lost(
            worker.job.number,
            TrainingError(
                f"{described(worker.job.cohort)} lost its worker {RETRIES + 1} times, the last "
                f"time: {words} (mostly a lack of memory: train fewer lanes together)"
            ),
        )

    def _judge(self, worker: _Worker) -> Event | None:
        """Take the cohort of a silent worker away, and end one that stays silent."""
        if worker.started is not None:
            return self._judge_start(worker)
        if worker.silent and worker.silence > 3 * self._lease:
            self._stop([worker])
        elif worker.job is not None and not worker.silent and worker.silence > self._lease:
            worker.silent = True
            return Lost(
                worker.job.number,
                TrainingError(
                    f"{described(worker.job.cohort)} silenced {RETRIES + 1} workers for "
                    f"{self._lease:g} s each; look at the machines they ran on"
                ),
            )
        return None

    def _judge_start(self, worker: _Worker) -> Broken | None:
        """Wait for the start of a worker only while another one has started."""
        if worker.silence <= _START or any(other.started is None for other in self._workers):
            return None
        return Broken(
            TrainingError(
                f"workers must start within {_START:g} s, but none of {len(self._workers)} did; "
                f"check with `ray status` that there are {self._cpus:g} CPUs and {self._gpus:g} "
                "GPUs for each"
            )
        )

    def _stop(self, workers: Sequence[_Worker]) -> None:
        for worker in workers:
            self._workers.remove(worker)
            end(worker.actor, worker.node, worker.pid)


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or ["no reason given"])[-1][:300]
