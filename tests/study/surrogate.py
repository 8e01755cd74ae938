"""A training function in closed form, so that a whole study takes a second.

Accuracy depends on learning rate and backward width through a known optimum, plus seed noise that
all schedules share and a smaller noise of the run's own.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from qsched.schedules import Ana, Schedule
from qsched.specs import CurvePoint, Run, RunResult

BEST_RATE, BEST_STD = 0.02, 0.9


def noise(*key: object) -> float:
    """A number in [-1, 1) that depends on ``key`` alone."""
    value = hashlib.sha256(repr(key).encode()).digest()
    return int.from_bytes(value[:8], "big") / 2**63 - 1


def true_accuracy(schedule: Schedule) -> float:
    """The expected accuracy of a schedule."""
    accuracy = 0.9 - 0.08 * math.log10(schedule.learning_rate.initial / BEST_RATE) ** 2
    ana = schedule.activations
    if isinstance(ana, Ana):
        accuracy -= 0.1 + 0.04 * math.log(max(ana.backward_std, 1e-3) / BEST_STD) ** 2
        accuracy -= 0.2 * (1 - ana.backward_floor)
        # What only a dynamic schedule has: an annealed forward noise.
        accuracy += 0.05 * (ana.forward_std > 0.05)
    return max(accuracy, 0.1)


def static_accuracy(schedule: Schedule) -> float:
    """An expected accuracy that nothing but learning rate and backward width change."""
    accuracy = 0.9 - 0.08 * math.log10(schedule.learning_rate.initial / BEST_RATE) ** 2
    ana = schedule.activations
    if isinstance(ana, Ana):
        accuracy -= 0.1 + 0.04 * math.log(max(ana.backward_std, 1e-3) / BEST_STD) ** 2
        accuracy -= 0.05 * (ana.forward_std > 0) + 0.1 * (1 - ana.backward_floor)
    return accuracy


def flat_accuracy(schedule: Schedule) -> float:
    """The same expected accuracy for every schedule: nothing is to be found."""
    return 0.8


def result(run: Run, accuracy: float) -> RunResult:
    """A finished run with this expected accuracy."""
    seen = accuracy + 0.02 * noise(run.seed) + 0.005 * noise(run.key)
    return RunResult(
        key=run.key,
        status="finished",
        accuracy=seen,
        loss=1 - seen,
        curve=(CurvePoint(step=100, loss=1 - seen, accuracy=seen),),
        steps=100,
        seconds=0.001,
    )


def train(runs: Sequence[Run]) -> list[RunResult]:
    """Score runs by :func:`true_accuracy`; the highest learning rates diverge."""
    return [
        diverged(run)
        if run.schedule.learning_rate.initial > 0.09
        else result(run, true_accuracy(run.schedule))
        for run in runs
    ]


def train_static(runs: Sequence[Run]) -> list[RunResult]:
    """Score runs by :func:`static_accuracy`."""
    return [result(run, static_accuracy(run.schedule)) for run in runs]


def train_flat(runs: Sequence[Run]) -> list[RunResult]:
    """Score runs by :func:`flat_accuracy`."""
    return [result(run, flat_accuracy(run.schedule)) for run in runs]


def diverged(run: Run) -> RunResult:
    """A run that failed."""
    return RunResult(key=run.key, status="failed", steps=7, seconds=0.001, reason="loss is NaN")
