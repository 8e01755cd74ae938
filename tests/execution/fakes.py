"""Runs, and training functions that spawned workers can import."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from qsched.errors import DataError
from qsched.plugins import loaded_plugins
from qsched.schedules import Ana, LearningRate, Schedule
from qsched.specs import DataSpec, NetworkSpec, Run, RunResult, TaskSpec

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


def with_torch(runs: Sequence[Run]) -> list[RunResult]:
    import torch

    return [result(run, versions={"threads": str(torch.get_num_threads())}) for run in runs]


def short(runs: Sequence[Run]) -> list[RunResult]:
    return echo(runs)[1:]


def swapped(runs: Sequence[Run]) -> list[RunResult]:
    return echo(runs)[::-1]


def raises_at_3(runs: Sequence[Run]) -> list[RunResult]:
    """Fail at once, with two lines of reason, at seed 3; seed 2 takes longer."""
    if any(run.seed == 3 for run in runs):
        raise ValueError("no such\nlayer")
    time.sleep(0.3 if runs[0].seed == 2 else 0.0)
    return echo(runs)


def raises_while_told(runs: Sequence[Run]) -> list[RunResult]:
    """Raise as often as the folder says, on the cohort with seed 0."""
    if any(run.seed == 0 for run in runs):
        for token in sorted(folder().glob("raise-*")):
            token.unlink()
            raise OSError("this machine cannot read its disk")
    return echo(runs)


def lacks_data(runs: Sequence[Run]) -> list[RunResult]:
    raise DataError("download the file")


def quick(runs: Sequence[Run]) -> list[RunResult]:
    time.sleep(0.3)
    return echo(runs)


def busy_for_long(runs: Sequence[Run]) -> list[RunResult]:
    """Compute in Python for five seconds."""
    note_pid()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        sum(range(1000))
    return echo(runs)


def slow(runs: Sequence[Run]) -> list[RunResult]:
    note_pid()
    time.sleep(60)
    return echo(runs)


def slow_but_first(runs: Sequence[Run]) -> list[RunResult]:
    """Take very long, but answer for seed 0 as soon as another process takes long."""
    if runs[0].seed != 0:
        return slow(runs)
    while not list(folder().glob("pid-*")):
        time.sleep(0.01)
    return echo(runs)


def waits_for_two(runs: Sequence[Run]) -> list[RunResult]:
    """Answer once two processes train at the same time."""
    note_pid()
    end = time.monotonic() + 20
    while len(list(folder().glob("pid-*"))) < 2:
        if time.monotonic() > end:
            raise TimeoutError("alone")
        time.sleep(0.01)
    return echo(runs)


def dies_while_told(runs: Sequence[Run]) -> list[RunResult]:
    """End the process by SIGKILL as often as the folder says, on the cohort with seed 0."""
    if any(run.seed == 0 for run in runs):
        for token in sorted(folder().glob("die-*")):
            token.unlink()
            os.kill(os.getpid(), 9)
    return echo(runs)


def stops_while_told(runs: Sequence[Run]) -> list[RunResult]:
    """Stop the process (SIGSTOP), for as many seconds as the folder says, on seed 0."""
    if any(run.seed == 0 for run in runs):
        for token in sorted(folder().glob("stop-*"))[:1]:
            token.unlink()
            note_pid()
            seconds = token.name.removeprefix("stop-")
            wake = f"sleep {seconds}; kill -CONT {os.getpid()}"
            subprocess.Popen(["sh", "-c", wake], start_new_session=True)
            os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(0.2)
    return echo(runs)


def with_plugins(runs: Sequence[Run]) -> list[RunResult]:
    return [result(run, versions=loaded_plugins()) for run in runs]


def folder() -> Path:
    return Path(os.environ["QSCHED_TEST_FOLDER"])


def note_pid() -> None:
    (folder() / f"pid-{os.getpid()}").touch()
