"""A schedule as rows of numbers: what it says at each step, for the quantizers of one model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsched.lanes.streams import lane_keys, noise_keys
from qsched.schedules import Ana, Inq, Place, Schedule
from qsched.training.table import stage_steps

__all__ = ["Course"]

_CHUNK = 256


class Course:
    """A schedule at the steps 0, 1, ... of a training of N steps; from N on it is that of the end.

    Step t is read at progress u = t / N: before the first step u = 0, after the last one u = 1.

    Args:
        schedule: the schedule.
        places: the Q quantizers.
        steps: N.
        seed: of the noise.
    """

    def __init__(self, schedule: Schedule, places: Sequence[Place], steps: int, seed: int) -> None:
        self.schedule, self.places, self.steps = schedule, list(places), steps
        self.samples = any(
            isinstance(method, Ana) and method.forward == "random"
            for method in map(schedule.method, places)
        )
        self._lanes = lane_keys([seed])
        self._starts = stage_steps(schedule, steps) if _resets(schedule) else np.zeros(0, int)
        self._first, self._rows, self._rates = -1, np.zeros(0), np.zeros(0)

    def progress(self, step: int) -> float:
        """Return u at a step."""
        return min(step / self.steps, 1.0)

    def controls(self, step: int) -> np.ndarray:
        """Return the control values of a step, [Q, 4]."""
        self._compute(step)
        row: np.ndarray = self._rows[min(step, self.steps) - self._first]
        return row

    def rate(self, step: int) -> float:
        """Return the learning rate of a step."""
        self._compute(step)
        return float(self._rates[min(step, self.steps) - self._first])

    def keys(self, step: int) -> np.ndarray:
        """Return the keys of a step's noise, [Q, 2] int32: a function of seed, step and place."""
        return noise_keys(self._lanes, range(step, step + 1), len(self.places))[0, :, 0]

    def stage(self, step: int) -> int:
        """Return how many stages that clear the optimizer's state have begun by a step."""
        return int(np.searchsorted(self._starts, step, side="right"))

    def _compute(self, step: int) -> None:
        """Compute the rows around a step: many cost little more than one."""
        first = min(step, self.steps) // _CHUNK * _CHUNK
        if first != self._first:
            u = np.minimum(np.arange(first, first + _CHUNK) / self.steps, 1.0)
            self._rows = self.schedule.at(u, self.places)
            self._rates = self.schedule.learning_rates(u)
            self._first = first


def _resets(schedule: Schedule) -> bool:
    return isinstance(schedule.weights, Inq) and schedule.weights.reset_optimizer
