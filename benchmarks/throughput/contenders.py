"""The rows of the table: who trains, how it is sampled, and what must be known about it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from benchmarks.throughput import engines, peer
from benchmarks.throughput.peer_a import ADVANTAGES as PEER_A_ADVANTAGES
from benchmarks.throughput.peer_a import RayTune
from benchmarks.throughput.peer_c import Brevitas
from benchmarks.throughput.rows import Sample, Unavailable
from benchmarks.throughput.tasks import BenchTask, make_runs
from benchmarks.throughput.workers import Workers
from qsched.specs import Run, RunResult

__all__ = ["COMPILED", "PEER_A", "Contender", "Lanes", "contenders"]

PEER_A = "Peer A: Ray Tune + OptunaSearch"
COMPILED = "Peer B: torch.compile"


class Contender(Protocol):
    """Whoever has a row.

    Attributes:
        name: in the table.
        workers: how many cores it uses.
        note: what a reader must know.
        ours: whether it is qsched.
        evaluations: times that a training scores the validation set.
    """

    name: str
    note: str
    ours: bool

    @property
    def workers(self) -> int: ...

    def evaluations(self, task: BenchTask) -> int: ...

    def prepare(self, task: BenchTask) -> None:
        """Do what is done once for a task; raises Unavailable, with the reason."""

    def sample(self, task: BenchTask) -> Sample:
        """Train for a few seconds."""


@dataclass
class Lanes:
    """A function that trains runs, called in one or more worker processes.

    Attributes:
        train: a function of a module.
        count: trainings in a sample, for each core.
        processes: in how many it is called at once.
        threads: how many it uses in each.
        missing: returns why it cannot run, or None.
    """

    name: str
    pool: Workers
    train: Callable[[Sequence[Run]], list[RunResult]]
    count: Callable[[BenchTask], int]
    processes: int = 1
    threads: int = 1
    note: str = ""
    ours: bool = False
    missing: Callable[[], str | None] = lambda: None

    @property
    def workers(self) -> int:
        """How many cores it uses."""
        return self.processes * self.threads

    def evaluations(self, task: BenchTask) -> int:
        # A lane's curve has a point an epoch, ten at most, and its result is scored once more.
        return min(10, task.spec.epochs) + 1 if self.ours else 1

    def prepare(self, task: BenchTask) -> None:
        reason = self.missing()
        if reason is not None:
            raise Unavailable(reason)
        short = {"length": min(1.0, 2 / task.steps)}
        count = self.count(task) * self.threads
        runs = [run.model_copy(update=short) for run in make_runs(task.spec, count)]
        self.pool.call(self.train, [(runs,)] * self.processes)

    def sample(self, task: BenchTask) -> Sample:
        count = self.count(task) * self.threads
        parts = [make_runs(task.spec, count, first=i * count) for i in range(self.processes)]
        results, seconds = self.pool.call(self.train, [(part,) for part in parts])
        scores = [result.accuracy or 0.0 for part in results for result in part]
        return Sample(len(scores), seconds, float(np.mean(scores)))


def contenders(pool: Workers) -> list[Contender]:
    """Return all rows on a CPU, in the order of the table."""
    return [RayTune(PEER_A, 2, PEER_A_ADVANTAGES), *_loops(pool), *_lanes(pool)]


def _loops(pool: Workers) -> list[Contender]:
    compiler = shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    missing = None if compiler else "torch.compile needs a C++ compiler"
    plain = Lanes("Peer B: plain loop", pool, peer.eager, _plain, note="fused Adam")
    in_graph = Lanes(COMPILED, pool, peer.compiled, _plain, missing=lambda: missing)
    in_graph.note = "forward, loss and backward in one graph, fused Adam; compilation not counted"
    return [plain, in_graph, Brevitas("Peer C: Brevitas step", 1)]


def _lanes(pool: Workers) -> list[Contender]:
    def torch(name: str, processes: int) -> Lanes:
        train = engines.torch_lanes
        return Lanes(name, pool, train, lambda task: task.lanes, processes, ours=True)

    def native(name: str, processes: int, threads: int = 1) -> Lanes:
        train = partial(engines.native_lanes, threads=threads)
        row = Lanes(name, pool, train, lambda task: task.native, processes, threads, ours=True)
        row.missing = engines.no_native
        return row

    return [
        torch("qsched torch lanes, 1 process", 1),
        torch("qsched torch lanes, 2 processes", 2),
        native("qsched native lanes, 1 process", 1),
        native("qsched native lanes, 2 processes", 2),
        native("qsched native lanes, 2 threads", 1, 2),
    ]


def _plain(task: BenchTask) -> int:
    return task.plain
