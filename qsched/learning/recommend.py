"""A schedule for a task, at once: by what was learned, without search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsched.learning.analysis.features import FEATURES, TaskFeatures
from qsched.learning.analysis.formulas import Formula
from qsched.schedules import Schedule
from qsched.spaces import Choice, load_space
from qsched.specs.heuristics import AlgorithmHeuristics, SeenTask

__all__ = ["Expectation", "Recommendation", "distances", "recommend"]

_NEAREST = 7
_LEVEL = 0.8


@dataclass(frozen=True)
class Expectation:
    """What is to be expected, in accuracy: a mean, and an interval for a single new task."""

    gain: float
    interval: tuple[float, float]
    level: float
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Recommendation:
    """A schedule for a task.

    Attributes:
        schedule: the schedule, with its learning rate.
        source: name of the arm that it is or comes from.
        over_hand_coded: expected gain over the best hand-coded schedule; None if not known.
        over_static: the same over the tuned static schedule.
        nearest: the most similar task that was learned from.
        distance: from it, in features.
        unlike: whether that is farther than learned tasks are from each other.
        outside: features beyond the range that was learned from.
    """

    schedule: Schedule
    source: str
    over_hand_coded: Expectation | None
    over_static: Expectation | None
    nearest: str
    distance: float
    unlike: bool
    outside: tuple[str, ...]


def recommend(
    learned: AlgorithmHeuristics, algorithm: str, features: TaskFeatures, center: float
) -> Recommendation:
    """Return the learned default, its numbers set by the rules for this task.

    Args:
        learned: what was learned of the algorithm.
        algorithm: ``ana`` or ``inq``.
        features: of the task.
        center: the task's own learning rate, which the learned one is a multiple of.
    """
    seen = np.array([[task.features[name] for name in FEATURES] for task in learned.tasks])
    logs = np.log(seen)
    away = distances(features.logs(), logs, logs)
    nearest = int(away.argmin())
    own = features.values()
    outside = tuple(
        name
        for i, name in enumerate(FEATURES)
        if not seen[:, i].min() / 1.01 <= own[i] <= seen[:, i].max() * 1.01
    )
    return Recommendation(
        schedule=_fitted(learned, algorithm, features, center),
        source=learned.portfolio[0].name,
        over_hand_coded=_expected(learned.tasks, "gain", away),
        over_static=_expected(learned.tasks, "over_static", away),
        nearest=learned.tasks[nearest].name,
        distance=float(away[nearest]),
        unlike=bool(away[nearest] > learned.reach * 1.001),
        outside=outside,
    )


def distances(point: np.ndarray, others: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return Euclidean distances in log features, each in units of its spread over ``scale``.

    Args:
        point: log features, [F].
        others: those of N tasks, [N, F].
        scale: those of the tasks that were learned from; a feature that is the same in all of them
            counts in units of a factor of e.
    """
    spread = scale.std(axis=0)
    unit = np.where(spread > 1e-9, spread, 1.0)
    result: np.ndarray = np.sqrt(np.square((others - point) / unit).sum(axis=1))
    return result


def _fitted(
    learned: AlgorithmHeuristics, algorithm: str, features: TaskFeatures, center: float
) -> Schedule:
    """Return the default with the values that formulas of the rules give for this task."""
    default = learned.portfolio[0].schedule
    schedule = default.at_learning_rate(default.learning_rate.initial * center)
    space = load_space(algorithm)
    point = space.encode(schedule)
    if point is None:
        return schedule
    known = {name: float(getattr(features, name)) for name in FEATURES}
    for rule in learned.rules:
        for name, formula in rule.formulas.items():
            parameter = space.parameters[name]
            if formula.features and name in point and not isinstance(parameter, Choice):
                value = Formula(formula.form, formula.features, formula.numbers).value(known)
                point[name] = float(np.clip(value, parameter.low, parameter.high))
    return space.decode(point)


def _expected(tasks: Sequence[SeenTask], field: str, away: np.ndarray) -> Expectation | None:
    """Return the mean gain on the nearest tasks, and the quantiles of what such means miss.

    The interval is conformal: it adds the quantiles of errors of the same prediction made for
    every learned task from the others.
    """
    known = [i for i, task in enumerate(tasks) if getattr(task, field) is not None]
    if len(known) < 3:
        return None
    gains = np.array([getattr(tasks[i], field) for i in known])
    logs = np.log([[tasks[i].features[name] for name in FEATURES] for i in known])
    order = np.argsort(away[known])[:_NEAREST]
    errors = []
    for i in range(len(known)):
        others = np.delete(np.arange(len(known)), i)
        near = others[np.argsort(distances(logs[i], logs[others], logs))[:_NEAREST]]
        errors.append(gains[i] - gains[near].mean())
    low, high = np.quantile(errors, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    gain = float(gains[order].mean())
    names = tuple(tasks[known[i]].name for i in order)
    return Expectation(
        gain, (gain + min(float(low), 0.0), gain + max(float(high), 0.0)), _LEVEL, names
    )
