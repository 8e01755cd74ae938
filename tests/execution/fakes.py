"""Training functions of workers that are slow, fail or die, besides those that qsched ships."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qsched.plugins import loaded_plugins
from qsched.schedules import Place
from qsched.specs import CurvePoint, Run, RunResult
from qsched.testing.trainings import echo, result
from qsched.testing.trainings import make_runs as make_runs


def with_torch(runs: Sequence[Run]) -> list[RunResult]:
    import torch

    return [result(run, versions={"threads": str(torch.get_num_threads())}) for run in runs]


def raises_while_told(runs: Sequence[Run]) -> list[RunResult]:
    """Raise as often as the folder says, on the cohort with seed 0."""
    if any(run.seed == 0 for run in runs):
        for token in sorted(folder().glob("raise-*")):
            token.unlink()
            raise OSError("this machine cannot read its disk")
    return echo(runs)


def quick(runs: Sequence[Run]) -> list[RunResult]:
    time.sleep(0.3)
    return echo(runs)


def raises_at_first() -> None:
    """Note the process, and raise what nobody needs to hear."""
    note_pid()
    raise OSError("training will say so")


def dies_at_first() -> None:
    """End the process by SIGKILL as often as the folder says."""
    for token in sorted(folder().glob("die-*")):
        token.unlink()
        os.kill(os.getpid(), 9)


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


def hardened(runs: Sequence[Run]) -> list[RunResult]:
    """Answer at once with a curve of ten points: how hard the network is, at what rate."""
    answers = []
    for run in runs:
        points = []
        for step in range(10, 101, 10):
            [h] = run.schedule.hardening(step / 100, [Place("weights", 0.0)])
            rates = run.schedule.learning_rates(np.arange(step) / 100)
            accuracy = float(h * np.mean(rates) / (1 + np.mean(rates)))
            points.append(CurvePoint(step=step, loss=1.0, accuracy=accuracy))
        last = points[-1].accuracy
        values = {
            "steps": 100,
            "accuracy": last,
            "loss": 1.0,
            "curve": tuple(points),
            "seconds": 0.5,
        }
        answers.append(result(run, **values))
    return answers


def hardened_at_any_time(runs: Sequence[Run]) -> list[RunResult]:
    """Answer as :func:`hardened`, after up to 0.3 seconds that nobody can foresee."""
    time.sleep(0.3 * os.urandom(1)[0] / 255)
    return hardened(runs)


def never_with_rate_1(runs: Sequence[Run]) -> list[RunResult]:
    """Answer as :func:`hardened`, but raise at a learning rate of 1."""
    if any(run.schedule.learning_rate.initial == 1 for run in runs):
        raise OSError("this machine\ncannot read its disk")
    return hardened(runs)
