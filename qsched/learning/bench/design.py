"""A design of experiments: points spread evenly over a search space, the same for every task."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from qsched.spaces import Float, Parameter, SearchSpace, Value

__all__ = ["DESIGN_SEED", "shares", "sobol"]

DESIGN_SEED = 2022
"""Seed of the scrambling. It never changes: equal indices are equal schedules."""


def sobol(
    space: SearchSpace, count: int, learning_rates: tuple[float, float] | None = None
) -> list[dict[str, Value]]:
    """Return the first ``count`` points of a scrambled Sobol sequence in a search space.

    Every parameter is a dimension, on the scale of its search; the coordinates of those that are
    not active are dropped. A longer design begins with the shorter one.

    Args:
        space: the search space.
        count: number of points, at least 1.
        learning_rates: ends of the parameter ``learning_rate``, instead of the space's own.

    Returns:
        Points that ``space.decode`` takes.

    Reference:
        Sobol, On the distribution of points in a cube, USSR Computational Mathematics and
        Mathematical Physics 7, 1967; Owen, Scrambling Sobol and Niederreiter-Xing points, Journal
        of Complexity 14, 1998.

    >>> from qsched.spaces import load_space
    >>> short, long = sobol(load_space("inq"), 2), sobol(load_space("inq"), 8)
    >>> short == long[:2]
    True
    """
    names = list(space.parameters)

    def point(row: dict[str, float]) -> dict[str, Value]:
        def ask(name: str, parameter: Parameter) -> Value:
            if name == "learning_rate" and learning_rates is not None:
                low, high = learning_rates
                parameter = Float(low=low, high=high, log=True)
            return parameter.quantile(row[name])

        return space.suggest(ask)

    rows = shares(len(names), count).tolist()
    return [point(dict(zip(names, row, strict=True))) for row in rows]


def shares(dimensions: int, count: int) -> np.ndarray:
    """Return the first ``count`` points of the scrambled Sobol sequence, [count, dimensions]."""
    sequence = qmc.Sobol(dimensions, scramble=True, rng=DESIGN_SEED)
    # The whole power of 2, for only that is balanced.
    points: np.ndarray = sequence.random_base2((count - 1).bit_length())[:count]
    return points
