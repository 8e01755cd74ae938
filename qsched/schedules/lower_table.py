"""Schedules as a plain table, to be followed by any program in any language."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from qsched.errors import InputError
from qsched.schedules.places import Place
from qsched.schedules.schedule import CONTROLS, Schedule

__all__ = ["lower_table"]


def lower_table(schedule: Schedule, places: Sequence[Place], steps: int) -> str:
    """Return a schedule as CSV: a row for every step and quantizer.

    Row t holds what step t of ``steps`` trains with, from 0 on; the rows of ``steps`` itself are
    the end, after the last step. Columns: step, learning rate, name (or role and number) of the
    quantizer, its role and depth, and the control values of
    :data:`qsched.schedules.CONTROLS`, empty where a quantizer's method does not use them.

    Args:
        schedule: the schedule.
        places: the quantizers of the network.
        steps: length of the training, >= 1.

    Raises:
        InputError: ``steps`` is less than 1.

    >>> from qsched.schedules import Ana, LearningRate
    >>> half = Ana(forward_std=0.5, backward_std=0.5)
    >>> linear = Schedule(weights=half, learning_rate=LearningRate(initial=0.1))
    >>> print(lower_table(linear, [Place("weights", 0.0, "conv1")], 2))
    step,learning_rate,quantizer,role,depth,forward_std,mean,backward_std,frozen
    0,0.1,conv1,weights,0,0.5,0,0.5,
    1,0.1,conv1,weights,0,0.25,0,0.25,
    2,0.01,conv1,weights,0,0,0,0,
    <BLANKLINE>
    """
    if steps < 1:
        raise InputError(f"a table needs at least 1 step, but got {steps}")
    u = np.arange(steps + 1) / steps
    table, rates = schedule.at(u, places), schedule.learning_rates(u)
    methods = [schedule.method(place) for place in places]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["step", "learning_rate", "quantizer", "role", "depth", *CONTROLS])
    for step, (rows, rate) in enumerate(zip(table, rates, strict=True)):
        for i, (place, method, row) in enumerate(zip(places, methods, rows, strict=True)):
            if method is None:
                continue
            name = place.name or f"{place.role}-{i}"
            noise, frozen = [f"{value:.9g}" for value in row[:3]], f"{row[3]:.9g}"
            values = [*noise, ""] if method.kind == "ana" else ["", "", "", frozen]
            writer.writerow([step, f"{rate:.9g}", name, place.role, f"{place.depth:.6g}", *values])
    return file.getvalue()
