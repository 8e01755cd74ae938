"""Arms: the schedules that a study scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from qsched.schedules import Ana, LearningRate, Schedule, Window
from qsched.schedules.file import load_schedule
from qsched.specs import StudySpec, arm_name

__all__ = [
    "FULL_PRECISION",
    "Arm",
    "full_precision",
    "hand_coded",
    "is_static",
    "static",
    "with_rates",
]

Kind = Literal["baseline", "static", "full precision", "candidate"]
FULL_PRECISION = "full-precision"


@dataclass(frozen=True)
class Arm:
    """A named schedule; ``kind`` says where it comes from."""

    name: str
    kind: Kind
    schedule: Schedule


def hand_coded(spec: StudySpec) -> list[Arm]:
    """Return the study's hand-coded baselines, as published."""
    return [
        Arm(arm_name(name), "baseline", load_schedule(name).schedule) for name in spec.baselines
    ]


def static(spec: StudySpec) -> list[Arm]:
    """Return the static arms: clipped STE with each backward width, uniform and for ever.

    Nothing hardens, so the window is without effect; this one makes them points of the space
    ``ana``, from which its sampler learns.
    """
    rate = LearningRate(initial=spec.task.optimizer.learning_rate)
    arms = []
    for std in spec.static.backward_std:
        ste = Ana(forward_std=0.0, backward_std=std, backward_floor=1.0)
        schedule = Schedule(
            window=Window(end=0.7), weights=ste, activations=ste, learning_rate=rate
        )
        arms.append(Arm(f"static-{_number(std)}", "static", schedule))
    return arms


def _number(value: float) -> str:
    """Return a number as short as it is exact: no two of them are called the same.

    >>> _number(0.5), _number(0.50000001)
    ('0.5', '0.50000001')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def is_static(schedule: Schedule) -> bool:
    """Return whether nothing changes over training: a hard forward pass, constant backward noise.

    >>> from qsched.schedules.file import load_schedule
    >>> is_static(load_schedule("ana-ste-static").schedule)
    True
    >>> is_static(load_schedule("ana-2019-overlapped").schedule)
    False
    """
    methods = [schedule.weights, schedule.activations]
    return all(
        method is None
        or (
            isinstance(method, Ana)
            and method.forward_std == 0
            and method.mean == 0
            and (method.backward_floor == 1 or method.backward_std == 0)
        )
        for method in methods
    )


def full_precision(spec: StudySpec) -> Arm:
    """Return the arm that quantizes nothing: what the network can do at best."""
    rate = LearningRate(initial=spec.task.optimizer.learning_rate)
    return Arm(FULL_PRECISION, "full precision", Schedule(learning_rate=rate))


def with_rates(arm: Arm, spec: StudySpec) -> Sequence[Arm]:
    """Return the arm at every learning rate of the study's grid, its recipe otherwise kept."""
    rates = (spec.task.optimizer.learning_rate * m for m in spec.budget.learning_rates)
    return [replace(arm, schedule=arm.schedule.at_learning_rate(rate)) for rate in rates]
