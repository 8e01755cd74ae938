"""A schedule as a row of numbers, from which its accuracy is predicted."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from qsched.schedules import Ana, Inq, Place, Schedule

__all__ = ["NUMBERS", "numbers"]

FAMILIES = ("uniform", "triangular", "normal", "logistic")
PARTITIONS = ("magnitude", "random", "smallest", "error", "rpr")
DEPTHS = (0.0, 0.5, 1.0)
ROLES = ("weights", "activations")
GRID = (np.arange(32) + 0.5) / 32
LEAST = 1e-3
"""Standard deviations below this count as this, on the logarithmic scale."""

_NOISE = ("forward_std", "mode", "mean", "backward_std", "floor", "last_backward_std")
_HARDNESS = ("hardness", "opens", "closes")

NUMBERS = (
    "learning_rate",
    "last_learning_rate",
    "mean_learning_rate",
    "restart",
    *(f"{role}_{name}" for role in ROLES for name in (*_NOISE, *FAMILIES)),
    *(f"{role}_{name}_{depth:g}" for role, depth in product(ROLES, DEPTHS) for name in _HARDNESS),
    "backward_lag",
    "order",
    "stages",
    "reset",
    *PARTITIONS,
)
"""Names of the numbers, in order."""


def numbers(schedule: Schedule) -> NDArray[np.float64]:
    """Return the row of a schedule: learning rates, noise, hardness by role and depth, order.

    Hardness is the mean of h(u) over training; standard deviations and learning rates are
    logarithms to base 10.

    >>> from qsched.schedules.file import load_schedule
    >>> row = numbers(load_schedule("ana-2019-overlapped").schedule)
    >>> row.shape == (len(NUMBERS),), round(float(row[NUMBERS.index("learning_rate")]), 6)
    (True, -3.0)
    """
    rates = np.log10(np.maximum(schedule.learning_rates(GRID), 1e-9))
    row = [rates[0], rates[-1], rates.mean(), float(schedule.learning_rate.restart)]
    row += [x for method in (schedule.weights, schedule.activations) for x in _noise(method)]
    places = [Place(role, depth) for role in ROLES for depth in DEPTHS]  # type: ignore[arg-type]
    hard = schedule.hardening(GRID, places)
    for column in hard.T:
        row += [column.mean(), float(np.mean(column < 0.1)), float(np.mean(column < 0.9))]
    weights = schedule.weights
    incremental = weights if isinstance(weights, Inq) else None
    row += [
        schedule.lag.backward,
        hard[:, 0].mean() - hard[:, len(DEPTHS) - 1].mean(),
        float(len(schedule.stages())),
        float(incremental is not None and incremental.reset_optimizer),
        *(float(incremental is not None and incremental.partition == p) for p in PARTITIONS),
    ]
    return np.array(row)


def _noise(method: Ana | Inq | None) -> list[float]:
    if not isinstance(method, Ana):
        return [0.0] * (len(_NOISE) + len(FAMILIES))
    last = method.backward_std * method.backward_floor
    return [
        method.forward_std,
        float(method.forward != "expectation"),
        method.mean,
        float(np.log10(max(method.backward_std, LEAST))),
        method.backward_floor,
        float(np.log10(max(last, LEAST))),
        *(float(method.family == family) for family in FAMILIES),
    ]
