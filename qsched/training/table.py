"""Schedules of a cohort as tables: one row a step, computed once for each distinct schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from qsched.schedules import CONTROLS, Place, Schedule

__all__ = ["Table", "make_table", "stage_steps"]


@dataclass(frozen=True)
class Table:
    """What the schedules of a cohort say at every step.

    At step t of T a schedule is read at u = t / T: the first step is that of u = 0, and u = 1 is
    the network after the last step, which is evaluated hard in any case.

    Attributes:
        controls: [U, T, 4, Q] of the U distinct schedules, columns as in
            :data:`qsched.schedules.CONTROLS`.
        rates: learning rates, [U, T].
        ages: steps since the optimizer state was last cleared, from 1 on, [U, T].
        index: which of the U each lane follows, [K].
    """

    controls: np.ndarray
    rates: np.ndarray
    ages: np.ndarray
    index: np.ndarray

    @property
    def steps(self) -> int:
        """Number T of steps."""
        return int(self.rates.shape[1])

    def keep(self, rows: Sequence[int]) -> Table:
        """Return the table of the lanes ``rows`` only."""
        return replace(self, index=self.index[list(rows)])

    def clears(self, step: int) -> np.ndarray:
        """Return the lanes whose optimizer state is cleared before ``step``."""
        fresh = self.ages[self.index, step] == 1
        return np.flatnonzero(fresh & (step > 0))


def make_table(schedules: Sequence[Schedule], places: Sequence[Place], steps: int) -> Table:
    """Compute the table of a cohort.

    Args:
        schedules: of every lane.
        places: the Q quantizers.
        steps: number T of steps of the whole training.
    """
    distinct = list(dict.fromkeys(schedules))
    parts = [_rows(schedule, tuple(places), steps) for schedule in distinct]
    number = {schedule: i for i, schedule in enumerate(distinct)}
    controls, rates, ages = (np.stack(part) for part in zip(*parts, strict=True))
    return Table(controls, rates, ages, np.array([number[s] for s in schedules]))


@lru_cache(maxsize=256)
def _rows(
    schedule: Schedule, places: tuple[Place, ...], steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    u = np.arange(steps) / steps
    controls = schedule.at(u, places).reshape(steps, len(places), len(CONTROLS)).swapaxes(1, 2)
    return np.ascontiguousarray(controls), schedule.learning_rates(u), _ages(schedule, steps)


def _ages(schedule: Schedule, steps: int) -> np.ndarray:
    weights = schedule.weights
    if weights is None or weights.kind != "inq" or not weights.reset_optimizer:
        return np.arange(1, steps + 1)
    starts = np.union1d([0], stage_steps(schedule, steps))
    step = np.arange(steps)
    ages: np.ndarray = step - starts[np.searchsorted(starts, step, side="right") - 1] + 1
    return ages


def stage_steps(schedule: Schedule, steps: int) -> np.ndarray:
    """Return the first step of each stage of a stepped schedule that begins before the end."""
    first = np.ceil(schedule.stages() * steps - 1e-9).astype(int)
    inside: np.ndarray = first[first < steps]
    return inside
