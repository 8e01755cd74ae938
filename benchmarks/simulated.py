"""Trainings that sleep, and their results in closed form: what ``benchmarks.scale`` trains.

Imports little: each Ray worker is a process with all of it.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence

from qsched.specs import CurvePoint, Run, RunResult

__all__ = ["seconds", "simulated", "sleep"]

POINTS = 10
"""Points of a simulated learning curve."""


def sleep(runs: Sequence[Run]) -> list[RunResult]:
    """Train a cohort: sleep for as long as it takes."""
    time.sleep(seconds(runs))
    return simulated(runs)


def seconds(runs: Sequence[Run]) -> float:
    """Return how long a cohort takes: from 0.5 to 1.5 s, told by its first run."""
    return 0.5 + _fraction(f"time {runs[0].key}")


def simulated(runs: Sequence[Run]) -> list[RunResult]:
    """Return the results of a cohort; the learning rate has an optimum, a run noise of its own."""
    share = seconds(runs) / len(runs)
    return [_result(run, share) for run in runs]


def _result(run: Run, share: float) -> RunResult:
    key = run.key
    accuracy = 0.8 - 0.05 * math.log10(run.schedule.learning_rate.initial / 0.02) ** 2
    seen = min(max(accuracy + 0.02 * (_fraction(key) - 0.5), 0.0), 1.0)
    curve = tuple(
        CurvePoint(step=100 * i, loss=2.5 / i, accuracy=seen * i / POINTS)
        for i in range(1, POINTS + 1)
    )
    return RunResult(
        key=key, status="finished", accuracy=seen, loss=0.5, curve=curve, steps=1000, seconds=share
    )


def _fraction(text: str) -> float:
    """Return a number in [0, 1) that depends on ``text`` alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
