"""The hand-coded schedules as a family, tuned: what their authors could have searched."""

from __future__ import annotations

import numpy as np

from qsched.learning.bench.design import shares
from qsched.learning.bench.plans import BenchArm, Plan
from qsched.learning.bench.tasks import BenchSpec
from qsched.schedules import Ana, Power, Schedule
from qsched.schedules.file import load_schedule
from qsched.spaces import Choice, Float, Parameter

__all__ = ["family_plans", "stretched"]

POINTS = 256
"""As many as the largest design has."""
_SEEDS, _REPORT_SEEDS = 2, 12
_END = Float(low=0.4, high=1.0)
_STEEPER = Float(low=0.5, high=2.0, log=True)


def family_plans(bench: BenchSpec) -> list[Plan]:
    """Return the plans of hand-coded annealing schedules of other ends, exponents, learning rates.

    A Sobol sequence in four dimensions: which hand-coded schedule, where it ends, by what its
    exponents are multiplied, and the learning rate. The best few of a task are reported.

    Args:
        bench: hand-coded schedules, and the range of learning rates.
    """
    coded = {name: load_schedule(name).schedule for name in bench.baselines}
    names = tuple(name for name, each in coded.items() if isinstance(each.weights, Ana))
    low, high = bench.design_learning_rates
    rates = Float(low=low, high=high, log=True)
    dimensions: tuple[Parameter, ...] = (Choice(choices=names), _END, _STEEPER, rates)
    plans = []
    for index, row in enumerate(shares(len(dimensions), POINTS)):
        name, end, steeper, rate = (
            dimension.quantile(share) for dimension, share in zip(dimensions, row, strict=True)
        )
        schedule = stretched(coded[str(name)], float(end), float(steeper))
        arm = BenchArm(
            f"ana-family-{index:04d}", "ana", "family", schedule.at_learning_rate(float(rate))
        )
        plans.append(Plan(arm, (float(rate),), _SEEDS, _REPORT_SEEDS, group="family"))
    return plans


def stretched(schedule: Schedule, end: float, steeper: float) -> Schedule:
    """Return a schedule that closes at another time, its exponents multiplied.

    Args:
        schedule: the schedule; shapes without exponents keep theirs.
        end: when its window closes, in [0, 1]; opening and offsets move in proportion.
        steeper: factor of the exponents, > 0.

    >>> from qsched.schedules import LearningRate, Window
    >>> plain = Schedule(window=Window(end=0.5), learning_rate=LearningRate(initial=0.01))
    >>> made = stretched(plain, 1.0, 2.0)
    >>> made.window.end, made.decay.exponent
    (1.0, 2.0)
    """
    decay = schedule.decay
    if isinstance(decay, Power):
        exponents = steeper * np.array([decay.exponent, decay.exponent_last])
        decay = Power(exponent=float(exponents[0]), exponent_last=float(exponents[1]))
    return schedule.model_copy(update={"window": schedule.window.stretched(end), "decay": decay})
