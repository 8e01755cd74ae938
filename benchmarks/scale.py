"""Drive a real study and a PostgreSQL database with many workers whose trainings sleep.

    python -m benchmarks.scale                  # all of it, some fifteen minutes; writes results/
    python -m benchmarks.scale --trials=500     # a first look: no study has more candidates

Study loop, sampler and database are the real ones; only training is simulated: a cohort takes 0.5
to 1.5 s, and its accuracies are in closed form. Workers are simulated, too, but for the last row,
which has real ones: Ray actors. Cohorts are handed out to simulated workers as the local executor
does it: one that is done gets its next cohort when the study listens again. So utilization loses
what a worker waits for the study, and what it waits where nothing may start, from the first
candidate of a search to the last: its beginning, when nothing is asked yet, and its end, when
nothing is left to start, are in it.

CPU and memory are those of the study process, less the CPU time that simulating took. The database
server is a process of its own, with its default settings.
"""

from __future__ import annotations

import argparse
import heapq
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import optuna

from benchmarks.simulated import seconds, simulated, sleep
from benchmarks.throughput.machine import RESULTS, machine
from qsched.execution import Answers, Cohort, Executor
from qsched.execution.board import Board, Rank, in_order
from qsched.spaces import load_space
from qsched.specs import (
    Budget,
    Confirmation,
    DataSpec,
    NetworkSpec,
    Rung,
    SamplerSpec,
    StudySpec,
    TaskSpec,
)
from qsched.storage import Storage
from qsched.study import Progress, run_study
from qsched.study.sampling import ask
from tests.postgres import fresh_database, local_server, server_url

ALL = 10_000
GOALS = {
    "utilization of 64 workers, %": (">=", 95.0),
    "study process, cores": ("<=", 1.0),
    "study process, GiB": ("<=", 1.0),
    "ask at all trials, ms": ("<=", 300.0),
    "qsched status, s": ("<=", 1.0),
}


@dataclass(frozen=True)
class Plan:
    """One study.

    Attributes:
        workers: how many; with ``ray``, actors.
        trials: candidates.
        batch: how many of them are asked together.
        ahead: how many batches are in training while one is asked.
        lanes: runs of a cohort.
        ray: whether workers are real ones.
    """

    workers: int
    trials: int
    batch: int
    ahead: int
    lanes: int = 1
    ray: bool = False


STATED = Plan(workers=64, trials=4096, batch=64, ahead=3)
"""By which utilization is judged."""
LARGEST = Plan(workers=256, trials=ALL, batch=256, ahead=3, lanes=4)
PLANS = (
    Plan(workers=1, trials=8, batch=8, ahead=0),
    Plan(workers=8, trials=128, batch=64, ahead=0),
    Plan(workers=8, trials=256, batch=16, ahead=3),
    Plan(workers=64, trials=512, batch=64, ahead=0),
    STATED,
    LARGEST,
    Plan(workers=16, trials=256, batch=32, ahead=3, ray=True),
)


@dataclass(frozen=True)
class Measured:
    """What the search of one study took.

    Attributes:
        plan: the study.
        cohorts: how many were trained.
        utilization: share of the workers' time in which they trained.
        own: share of the time in which the study stored, compared and asked, and listened to no
            worker.
        wall: its seconds.
        cores: CPU time of the study process by wall time.
        gibibytes: largest memory of that process.
    """

    plan: Plan
    cohorts: int
    utilization: float
    own: float
    wall: float
    cores: float
    gibibytes: float


class Simulated:
    """Workers that only take their time; an executor.

    Args:
        workers: how many.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.cpu = 0.0

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        """Yield what has completed, as soon as something has."""
        board = Board(cohorts, 0, rank)
        under_way: list[tuple[float, int]] = []
        self._assign(board, cohorts, under_way)
        while under_way:
            time.sleep(max(0.0, under_way[0][0] - time.monotonic()))
            finished = []
            while under_way and under_way[0][0] <= time.monotonic():
                finished.append(heapq.heappop(under_way)[1])
            self._assign(board, cohorts, under_way)
            before = time.thread_time()
            answers = [(index, simulated(cohorts[index])) for index in finished]
            self.cpu += time.thread_time() - before
            yield answers
            self._assign(board, cohorts, under_way)

    def parts(self, task: TaskSpec) -> int:
        """Return 1: simulated workers have cohorts as they come."""
        return 1

    def _assign(
        self, board: Board, cohorts: Sequence[Cohort], under_way: list[tuple[float, int]]
    ) -> None:
        while len(under_way) < self._workers and (index := board.next()) is not None:
            heapq.heappush(under_way, (time.monotonic() + seconds(cohorts[index]), index))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Watched:
    """An executor whose cohorts are counted, and an observer of the study that uses it.

    Args:
        executor: the executor.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._busy = self._own = 0.0
        self._cohorts = 0
        self._marks: dict[str, tuple[float, ...]] = {}

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        """Yield what the executor yields."""
        for answers in self._executor.run(cohorts, rank):
            self._busy += sum(seconds(cohorts[index]) for index, _ in answers)
            self._cohorts += len(answers)
            before = time.monotonic()
            yield answers
            self._own += time.monotonic() - before

    def parts(self, task: TaskSpec) -> int:
        """Return what the executor returns."""
        return self._executor.parts(task)

    def tell(self, progress: Progress) -> None:
        """Note what was used when search and selection begin."""
        if progress.phase in ("search", "selection") and progress.phase not in self._marks:
            simulating = getattr(self._executor, "cpu", 0.0)
            used = (time.process_time() - simulating, self._busy, self._own, self._cohorts)
            self._marks[progress.phase] = (time.monotonic(), *used)

    def measured(self, plan: Plan) -> Measured:
        """Return the figures of the search."""
        begin, end = self._marks["search"], self._marks["selection"]
        wall, cpu, busy, own, cohorts = (b - a for a, b in zip(begin, end, strict=True))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        return Measured(
            plan=plan,
            cohorts=int(cohorts),
            utilization=busy / (wall * plan.workers),
            own=own / wall,
            wall=wall,
            cores=cpu / wall,
            gibibytes=peak,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def executor_of(plan: Plan) -> Executor:
    """Return the workers of a study; hundreds of actors share a CPU, since they sleep."""
    if not plan.ray:
        return Simulated(plan.workers)
    from qsched.execution.ray import Ray

    return Ray(sleep, plan.workers, cpus=1 / 64, lease=60.0)


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
        sampler=SamplerSpec(batch=plan.batch, ahead=plan.ahead),
        confirmation=Confirmation(candidates=2, baselines=1, selection_seeds=2, report_seeds=3),
        lanes=plan.lanes,
    )


def measure(plan: Plan, url: str) -> Measured:
    """Run one study in this process."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with Storage.open(url) as storage, executor_of(plan) as executor:
        watched = Watched(executor)
        run_study(study_of(plan), storage, watched, watched.tell)
    return watched.measured(plan)


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
            list(ask(space, spec.sampler, history[:count], 1, seed=0, batch=batch))
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


def alone(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def line(measured: Measured) -> str:
    """Return a row of the table."""
    plan = measured.plan
    workers = f"{plan.workers} {'Ray actors' if plan.ray else 'simulated'}"
    asked = f"{workers:14}  {plan.trials:6}  {plan.batch:5}  {plan.ahead:5}  {plan.lanes:4}"
    spent = f"{100 * measured.utilization:9.1f} %  {100 * measured.own:4.1f} %"
    used = f"{measured.wall:5.0f} s  {measured.cores:5.2f}  {measured.gibibytes:4.2f} GiB"
    return f"{asked}  {measured.cohorts:7}  {spent}  {used}"


def verdicts(found: dict[str, float]) -> Iterator[str]:
    """Yield a line a goal."""
    for name, (side, goal) in GOALS.items():
        value = found[name]
        reached = value >= goal if side == ">=" else value <= goal
        word = "reached" if reached else "NOT REACHED"
        yield f"{name:30}  {value:8.2f}  {side} {goal:g}  {word}"


def figures(rows: Sequence[Measured], asked: dict[int, float], status: float) -> dict[str, float]:
    """Return what the goals are about; of utilizations that of the stated study alone."""
    [judged] = [row for row in rows if replace(row.plan, trials=STATED.trials) == STATED]
    return {
        "utilization of 64 workers, %": 100 * judged.utilization,
        "study process, cores": max(row.cores for row in rows),
        "study process, GiB": max(row.gibibytes for row in rows),
        "ask at all trials, ms": asked[max(asked)],
        "qsched status, s": status,
    }


def save(rows: Sequence[Measured], asked: dict[int, float], status: float) -> Path:
    """Write all figures to ``results/scale-DATE.json``; a later run of the day replaces it."""
    about = machine()
    content = {
        "machine": about,
        "rows": [asdict(row) for row in rows],
        "ask_milliseconds": asked,
        "status_seconds": status,
        "goals": {name: " ".join(map(str, goal)) for name, goal in GOALS.items()},
        "found": figures(rows, asked, status),
    }
    path = RESULTS / f"scale-{about['time'][:10]}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path


def main() -> int:
    """Measure, print tables, and return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--trials", type=int, default=ALL, help="of the largest study")
    chosen = parser.parse_args()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        "workers         trials  batch  ahead  runs  cohorts  utilization    own     wall  cores"
        "      RSS",
        flush=True,
    )
    rows: list[Measured] = []
    asked, status = {}, 0.0
    with local_server() as server:
        for plan in PLANS:
            cut = replace(plan, trials=min(plan.trials, chosen.trials))
            with fresh_database(server_url(server)) as url:
                rows.append(alone(measure, cut, url))
                print(line(rows[-1]), flush=True)
                if plan == LARGEST:
                    asked = alone(ask_milliseconds, cut, url)
                    status = status_seconds(url)
    words = ", ".join(f"{count}: {ms:.0f} ms" for count, ms in asked.items())
    print(f"\nask, by finished trials: {words}\n")
    lines = list(verdicts(figures(rows, asked, status)))
    print("\n".join(lines))
    if chosen.trials == ALL:
        print(f"\nwritten to {save(rows, asked, status)}")
    return int(any("NOT" in each for each in lines))


if __name__ == "__main__":
    sys.exit(main())
