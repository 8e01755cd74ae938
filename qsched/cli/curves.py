"""A schedule as a table: control values over training progress and depth."""

from __future__ import annotations

from typing import get_args

import numpy as np

from qsched.cli.output import table
from qsched.schedules import CONTROLS, Place, Role, Schedule, depths

__all__ = ["curves"]

_LAYERS = 5
_PROGRESS = np.linspace(0, 1, 11)
_UNITS = {"forward_std": "std", "mean": "mean", "backward_std": "backward std", "frozen": "frozen"}


def curves(schedule: Schedule) -> str:
    """Return a table with a row a role, control and depth, and a column a tenth of training.

    Standard deviations and means are in quanta, the frozen share in [0, 1]. A control that is 0
    at all times and depths has no rows; one that is the same at all depths has one.
    """
    rows: list[tuple[str, ...]] = []
    for role in get_args(Role):
        rows += _rows(schedule, role)
    rates = schedule.learning_rates(_PROGRESS)
    rows.append(("learning rate", "", *(f"{rate:.2g}" for rate in rates)))
    header = ("progress", "depth", *(f"{u:.1f}" for u in _PROGRESS))
    return table(header, rows)


def _rows(schedule: Schedule, role: Role) -> list[tuple[str, ...]]:
    places = [Place(role, depth) for depth in depths(_LAYERS)]
    values = schedule.at(_PROGRESS, places)
    rows: list[tuple[str, ...]] = []
    for column, control in enumerate(CONTROLS):
        control_values = values[..., column]
        if not control_values.any():
            continue
        name = f"{role} {_UNITS[control]}"
        if np.ptp(control_values, axis=1).max() == 0:
            rows.append((name, "all", *map(_number, control_values[:, 0])))
            continue
        for q, place in enumerate(places):
            rows.append((name, f"{place.depth:.2f}", *map(_number, control_values[:, q])))
    return rows


def _number(value: float) -> str:
    return "." if value == 0 else f"{value:.2f}"
