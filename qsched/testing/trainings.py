"""Runs, and training functions that take no time and that workers can import."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from qsched.errors import DataError
from qsched.schedules import Ana, LearningRate, Schedule
from qsched.specs import DataSpec, NetworkSpec, Run, RunResult, TaskSpec

__all__ = [
    "TASK",
    "echo",
    "lacks_data",
    "make_runs",
    "raises_at_3",
    "result",
    "short",
    "swapped",
]

TASK = TaskSpec(
    data=DataSpec(name="digits", validation=400),
    network=NetworkSpec(name="mlp9", width=16),
    epochs=10,
    batch_size=32,
)


def make_runs(count: int, task: TaskSpec = TASK, length: float = 1.0, **ana: object) -> list[Run]:
    """Return runs of one schedule and the seeds 0, 1, ..."""
    method = Ana.model_validate({"forward_std": 0.3, "backward_std": 0.6, **ana})
    schedule = Schedule(weights=method, learning_rate=LearningRate(initial=0.01))
    return [Run(task=task, schedule=schedule, seed=seed, length=length) for seed in range(count)]


def result(run: Run, **values: object) -> RunResult:
    """Return the result of a run that finished at once: its steps are its seed."""
    return RunResult.model_validate(
        {"key": run.key, "status": "finished", "steps": run.seed, "seconds": 0.0, **values}
    )


def echo(runs: Sequence[Run]) -> list[RunResult]:
    """Answer at once: the steps are the seed, the versions what the worker's surroundings are."""
    versions = {
        "pid": str(os.getpid()),
        "omp": os.environ.get("OMP_NUM_THREADS", ""),
        "mkl": os.environ.get("MKL_NUM_THREADS", ""),
    }
    return [result(run, versions=versions) for run in runs]


def short(runs: Sequence[Run]) -> list[RunResult]:
    """Forget the first run."""
    return echo(runs)[1:]


def swapped(runs: Sequence[Run]) -> list[RunResult]:
    """Answer in the wrong order."""
    return echo(runs)[::-1]


def raises_at_3(runs: Sequence[Run]) -> list[RunResult]:
    """Fail at once, with two lines of reason, at seed 3; seed 2 takes longer."""
    if any(run.seed == 3 for run in runs):
        raise ValueError("no such\nlayer")
    time.sleep(0.3 if runs[0].seed == 2 else 0.0)
    return echo(runs)


def lacks_data(runs: Sequence[Run]) -> list[RunResult]:
    """Fail by a mistake of the user."""
    raise DataError("download the file")
