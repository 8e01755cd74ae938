"""Response surfaces: what a task's accuracy would be at points that were not trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from qsched.spaces import Choice, SearchSpace, Value

__all__ = ["Surface", "columns", "encode"]


def columns(space: SearchSpace) -> list[str]:
    """Return the names of the columns of :func:`encode`: a parameter, or ``parameter=choice``."""
    names: list[str] = []
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Choice):
            names += [f"{name}={choice}" for choice in parameter.choices]
        else:
            names.append(name)
    return names


def encode(space: SearchSpace, points: Sequence[Mapping[str, Value]]) -> np.ndarray:
    """Return points as numbers, [N, columns].

    Numbers are scaled to [0, 1] on the scale of the search; a parameter that a point does not have
    is -1, apart from all values; choices are one column each.
    """
    rows = np.full((len(points), len(columns(space))), -1.0)
    place = 0
    for name, parameter in space.parameters.items():
        if isinstance(parameter, Choice):
            for choice in parameter.choices:
                rows[:, place] = [float(point.get(name) == choice) for point in points]
                place += 1
            continue
        log = getattr(parameter, "log", False)
        low, high = (_scaled(edge, log) for edge in (parameter.low, parameter.high))
        for i, point in enumerate(points):
            if name in point:
                rows[i, place] = (_scaled(float(point[name]), log) - low) / (high - low)
        place += 1
    return rows


class Surface:
    """A forest of extremely randomized trees over the points of a space, for one task.

    Args:
        space: the space.
        points: trained points.
        values: what they scored.

    Reference:
        Geurts, Ernst, Wehenkel, Extremely randomized trees, Machine Learning 63, 2006.
    """

    def __init__(
        self, space: SearchSpace, points: Sequence[Mapping[str, Value]], values: Sequence[float]
    ) -> None:
        self._space = space
        self._forest = ExtraTreesRegressor(
            n_estimators=64, min_samples_leaf=2, max_features=0.7, random_state=0
        )
        self._forest.fit(encode(space, points), np.asarray(values, dtype=float))

    def predict(self, points: Sequence[Mapping[str, Value]]) -> np.ndarray:
        """Return the predicted score of each point."""
        found: np.ndarray = self._forest.predict(encode(self._space, points))
        return found


def _scaled(value: float, log: bool) -> float:
    return math.log(value) if log else value
