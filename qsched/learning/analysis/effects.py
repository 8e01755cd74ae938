"""Partial dependence: what a parameter does on average, with bands over tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qsched.learning.analysis.surfaces import Surface
from qsched.spaces import Float, SearchSpace, Value

__all__ = ["Effect", "effect"]

_GRID = 9
_POINTS = 48
_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Effect:
    """The partial dependence on one parameter.

    Attributes:
        parameter: its name.
        values: G of its values.
        by_task: predicted accuracy minus that task's mean over the values, [T, G].
        low, high: edges of a 90 % bootstrap band over tasks of the mean, [G].
        log: whether the values are spread on a logarithmic scale.
    """

    parameter: str
    values: tuple[Value, ...]
    by_task: np.ndarray
    low: np.ndarray
    high: np.ndarray
    log: bool

    @property
    def mean(self) -> np.ndarray:
        """The mean over tasks, [G]."""
        result: np.ndarray = self.by_task.mean(axis=0)
        return result


def effect(
    space: SearchSpace,
    surfaces: Sequence[Surface],
    points: Sequence[Mapping[str, Value]],
    parameter: str,
) -> Effect | None:
    """Return what a parameter does, averaged over the points that have it.

    Args:
        space: the space.
        surfaces: one a task.
        points: over which is averaged, such as those of the design.
        parameter: its name.

    Returns:
        The effect; None where fewer than four points have the parameter.

    Reference:
        Friedman, Greedy function approximation, Annals of Statistics 29, 2001.
    """
    having = [point for point in points if parameter in point][:_POINTS]
    if len(having) < 4:
        return None
    searched = space.parameters[parameter]
    values = searched.grid(_GRID)
    log = isinstance(searched, Float) and searched.log
    rows = [{**point, parameter: value} for value in values for point in having]
    predicted = np.stack([s.predict(rows).reshape(len(values), -1).mean(axis=1) for s in surfaces])
    centered = predicted - predicted.mean(axis=1, keepdims=True)
    draws = np.random.default_rng(0).integers(len(surfaces), size=(_DRAWS, len(surfaces)))
    low, high = np.quantile(centered[draws].mean(axis=1), [0.05, 0.95], axis=0)
    return Effect(parameter, values, centered, low, high, log)
