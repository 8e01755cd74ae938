"""Drive a real study and a PostgreSQL database with many simulated workers.

    python -m benchmarks.scale                  # all of it, some twenty minutes
    python -m benchmarks.scale --trials=1000    # a first look

Study loop, sampler and database are the real ones; only training is simulated: a cohort takes a
time drawn evenly from 0.5 to 1.5 s, and its accuracies are in closed form. Cohorts are handed out
as the local executor does it: a worker that is done gets its next one when the study listens
again. So what a worker waits for the study counts as idle, as does the end of a rung, when the
last cohorts of a batch are under way and nothing else may start.

CPU and memory are those of the study process, less the CPU time that simulating took. The database
server is a process of its own, with its default settings.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import math
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import optuna

from qsched.execution import Cohort
from qsched.spaces import load_space
from qsched.specs import (
    Budget,
    Confirmation,
    CurvePoint,
    DataSpec,
    NetworkSpec,
    Run,
    Rung,
    RunResult,
    SamplerSpec,
    StudySpec,
    TaskSpec,
)
from qsched.storage import Storage
from qsched.study import Progress, run_study
from qsched.study.sampling import ask
from tests.postgres import fresh_database, local_server, server_url

GOALS = {
    "utilization of 64 workers, %": (">=", 95.0),
    "study process, cores": ("<=", 1.0),
    "study process, GiB": ("<=", 1.0),
    "ask at all trials, ms": ("<=", 300.0),
    "qsched status, s": ("<=", 1.0),
}
POINTS = 10
"""Points of a simulated learning curve."""


@dataclass(frozen=True)
class Plan:
    """One study: simulated workers, candidates, how many of them a batch, runs a cohort."""

    workers: int
    trials: int
    batch: int
    lanes: int


@dataclass(frozen=True)
class Measured:
    """What one study took.

    Attributes:
        plan: the study.
        cohorts: how many were trained.
        utilization: share of the workers' time in which they trained.
        deciding: share of the time in which the study asked for candidates or compared them, and
            no cohort was under way.
        wall: seconds of the search.
        cores: CPU time of the study process by wall time.
        gibibytes: its largest memory.
    """

    plan: Plan
    cohorts: int
    utilization: float
    deciding: float
    wall: float
    cores: float
    gibibytes: float


class Simulated:
    """Workers that sleep; an executor.

    Args:
        workers: how many.
        seed: of the times drawn.
    """

    def __init__(self, workers: int, seed: int = 0) -> None:
        self._workers = workers
        self._random = random.Random(seed)
        self.busy = 0.0
        self.inside = 0.0
        self.cohorts = 0
        self.cpu = 0.0

    def run(self, cohorts: Sequence[Cohort]) -> Iterator[tuple[int, list[RunResult]]]:
        """Yield ``(index, results)`` as cohorts complete."""
        begin = time.monotonic()
        waiting = deque(range(len(cohorts)))
        under_way: list[tuple[float, int]] = []
        self._assign(waiting, under_way)
        while under_way:
            time.sleep(max(0.0, under_way[0][0] - time.monotonic()))
            finished = []
            while under_way and under_way[0][0] <= time.monotonic():
                finished.append(heapq.heappop(under_way)[1])
            self._assign(waiting, under_way)
            for index in finished:
                before = time.thread_time()
                results = [simulated(run) for run in cohorts[index]]
                self.cpu += time.thread_time() - before
                yield index, results
        self.inside += time.monotonic() - begin

    def _assign(self, waiting: deque[int], under_way: list[tuple[float, int]]) -> None:
        while waiting and len(under_way) < self._workers:
            seconds = self._random.uniform(0.5, 1.5)
            self.busy += seconds
            self.cohorts += 1
            heapq.heappush(under_way, (time.monotonic() + seconds, waiting.popleft()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def simulated(run: Run) -> RunResult:
    """Return the result of a run whose learning rate has an optimum, with noise of its own."""
    key = run.key
    noise = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32
    accuracy = 0.8 - 0.05 * math.log10(run.schedule.learning_rate.initial / 0.02) ** 2
    seen = min(max(accuracy + 0.02 * (noise - 0.5), 0.0), 1.0)
    curve = tuple(
        CurvePoint(step=100 * i, loss=2.5 / i, accuracy=seen * i / POINTS)
        for i in range(1, POINTS + 1)
    )
    return RunResult(
        key=key, status="finished", accuracy=seen, loss=0.5, curve=curve, steps=1000, seconds=1.0
    )


def study_of(plan: Plan) -> StudySpec:
    """Return the study: the space of ANA, one learning rate a baseline, three rungs."""
    return StudySpec(
        name="scale",
        task=TaskSpec(
            data=DataSpec(name="digits", validation=400),
            network=NetworkSpec(name="mlp9", width=16),
            epochs=10,
            batch_size=32,
        ),
        space="ana",
        baselines=("ana-2019-overlapped",),
        budget=Budget(
            trials=plan.trials,
            rungs=(Rung(seeds=2), Rung(seeds=4), Rung(seeds=8)),
            learning_rates=(1.0,),
        ),
        sampler=SamplerSpec(batch=plan.batch),
        confirmation=Confirmation(candidates=2, baselines=1, selection_seeds=2, report_seeds=3),
        lanes=plan.lanes,
    )


class Stopwatch:
    """Sees the search begin and end, and what it took."""

    def __init__(self, workers: Simulated) -> None:
        self._workers = workers
        self._marks: dict[str, tuple[float, ...]] = {}

    def __call__(self, progress: Progress) -> None:
        if progress.phase in ("search", "selection") and progress.phase not in self._marks:
            workers = self._workers
            used = (workers.busy, workers.inside, workers.cpu, workers.cohorts)
            self._marks[progress.phase] = (time.monotonic(), time.process_time(), *used)

    def measured(self, plan: Plan) -> Measured:
        """Return the figures of the search."""
        begin, end = self._marks["search"], self._marks["selection"]
        wall, cpu, busy, inside, simulating, cohorts = (
            b - a for a, b in zip(begin, end, strict=True)
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        return Measured(
            plan=plan,
            cohorts=int(cohorts),
            utilization=busy / (wall * plan.workers),
            deciding=1 - inside / wall,
            wall=wall,
            cores=(cpu - simulating) / wall,
            gibibytes=peak,
        )


def measure(plan: Plan, url: str) -> Measured:
    """Run one study in this process."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    workers = Simulated(plan.workers)
    watch = Stopwatch(workers)
    with Storage.open(url) as storage, workers:
        run_study(study_of(plan), storage, workers, watch)
    return watch.measured(plan)


def ask_milliseconds(plan: Plan, url: str) -> dict[int, float]:
    """Return the median time of asking for one candidate, by number of finished trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spec, space = study_of(plan), load_space("ana")
    with Storage.open(url) as storage:
        study = optuna.load_study(study_name=spec.name, storage=storage.optuna)
        history = study.get_trials(deepcopy=False)
    found = {}
    for count in sorted({min(count, len(history)) for count in (100, 1000, len(history))}):
        times = []
        for batch in range(9):
            before = time.perf_counter()
            ask(space, spec.sampler, history[:count], 1, seed=0, batch=batch)
            times.append(1000 * (time.perf_counter() - before))
        found[count] = statistics.median(times)
    return found


def status_seconds(url: str) -> float:
    """Return the median time of ``qsched status``, from its start to its end."""
    program, times = str(Path(sys.executable).with_name("qsched")), []
    for _ in range(5):
        before = time.perf_counter()
        subprocess.run([program, "status", "--db", url], check=True, capture_output=True)
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def plans(trials: int) -> list[Plan]:
    """Return the studies: the last one has all the trials."""
    return [
        Plan(workers=1, trials=8, batch=8, lanes=1),
        Plan(workers=8, trials=128, batch=64, lanes=1),
        Plan(workers=64, trials=512, batch=128, lanes=1),
        Plan(workers=64, trials=1024, batch=512, lanes=1),
        Plan(workers=64, trials=2048, batch=1024, lanes=1),
        Plan(workers=256, trials=trials, batch=1024, lanes=4),
    ]


def alone(function: object, *arguments: object) -> object:
    """Call a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()  # type: ignore[arg-type]


def line(measured: Measured) -> str:
    """Return a row of the table."""
    plan = measured.plan
    asked = f"{plan.workers:7}  {plan.trials:6}  {plan.batch:5}  {plan.lanes:4}"
    spent = f"{100 * measured.utilization:9.1f} %  {100 * measured.deciding:6.1f} %"
    used = f"{measured.wall:5.0f} s  {measured.cores:5.2f}  {measured.gibibytes:4.2f} GiB"
    return f"{asked}  {measured.cohorts:7}  {spent}  {used}"


def verdicts(found: dict[str, float]) -> Iterator[str]:
    """Yield a line a goal."""
    for name, (side, goal) in GOALS.items():
        value = found[name]
        reached = value >= goal if side == ">=" else value <= goal
        word = "reached" if reached else "NOT REACHED"
        yield f"{name:30}  {value:8.2f}  {side} {goal:g}  {word}"


def main() -> int:
    """Measure, print tables, and return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--trials", type=int, default=10_000, help="of the largest study")
    chosen = parser.parse_args()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        "workers  trials  batch  runs  cohorts  utilization     wall  cores      RSS", flush=True
    )
    rows: list[Measured] = []
    with local_server() as server:
        for plan in plans(chosen.trials):
            with fresh_database(server_url(server)) as url:
                measured = alone(measure, plan, url)
                assert isinstance(measured, Measured)
                rows.append(measured)
                print(line(measured), flush=True)
                if plan.trials == chosen.trials:
                    asked = alone(ask_milliseconds, plan, url)
                    status = status_seconds(url)
    assert isinstance(asked, dict)
    words = ", ".join(f"{count}: {ms:.0f} ms" for count, ms in asked.items())
    print(f"\nask, by finished trials: {words}\n")
    found = {
        "utilization of 64 workers, %": max(
            100 * row.utilization for row in rows if row.plan.workers == 64
        ),
        "study process, cores": max(row.cores for row in rows),
        "study process, GiB": max(row.gibibytes for row in rows),
        "ask at all trials, ms": asked[max(asked)],
        "qsched status, s": status,
    }
    lines = list(verdicts(found))
    print("\n".join(lines))
    return int(any("NOT" in each for each in lines))


if __name__ == "__main__":
    sys.exit(main())
