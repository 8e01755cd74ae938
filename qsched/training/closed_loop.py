"""Training whose hardening clock is set by what training shows, epoch by epoch.

A schedule is read at the time of a clock instead of at the progress of training; the learning rate
keeps to progress. After every epoch a rule sees a few signals of each lane and says how fast its
clock runs through the next one. A deadline moves any clock on, so every network ends up hard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from qsched.errors import InputError
from qsched.levels import level_stair
from qsched.quantizers import hard
from qsched.schedules import FORWARD_STD, Ana
from qsched.specs import Run
from qsched.tasks import load_data, step_counts
from qsched.training.cohort import Cohort
from qsched.training.evaluate import evaluate

__all__ = ["DEADLINE", "SIGNALS", "ClosedLoop", "Speed", "clock_floor", "train_by_clock"]

SIGNALS = ("improvement", "saturated", "flips", "gap")
"""What a rule sees of a lane: the fall of the training loss over the last epoch, as a share of it;
the share of quantized weights farther than two standard deviations of the forward noise from every
threshold; the share of them whose level changed over the epoch; and how far the loss of the hard
network on the training set lies above that of training."""

DEADLINE = (0.45, 0.9)
"""A clock may stand still before the first, and shows 1 from the second on."""

FINE = 4
"""Times of a clock that are told apart, for each step."""

Speed = Callable[[np.ndarray, float], np.ndarray]
"""Signals [K, 4] and progress to speeds [K]: 1 takes a clock from 0 to 1 in one training."""


@dataclass(frozen=True, eq=False)
class ClosedLoop:
    """What became of lanes.

    Attributes:
        accuracy: of the hard network on the run's split, [K]; 0 where training diverged.
        clocks: at the end of every epoch, [K, E]; the start, 0, is left out.
        signals: what the rule saw at the end of every epoch, [K, E, 4].
    """

    accuracy: np.ndarray
    clocks: np.ndarray
    signals: np.ndarray


def clock_floor(u: float) -> float:
    """Return the least time that a clock may show at progress ``u``.

    >>> [round(clock_floor(u), 6) for u in (0.2, 0.675, 0.95)]
    [0.0, 0.5, 1.0]
    """
    first, last = DEADLINE
    return min(max((u - first) / (last - first), 0.0), 1.0)


def train_by_clock(
    runs: Sequence[Run], speed: Speed, dtype: torch.dtype = torch.float32
) -> ClosedLoop:
    """Train runs of one task and length, whose schedules are read at the time of their clocks.

    Args:
        runs: of schedules that differ in nothing that decides which operations are needed (noise
            family, forward strategy): mostly one schedule on many seeds.
        speed: the rule; called once an epoch.
        dtype: of parameters and activations.

    Raises:
        InputError: a schedule freezes weights, which is counted before training begins.
    """
    if not all(isinstance(run.schedule.weights, Ana) for run in runs):
        raise InputError("a clock steers noise annealing only; use schedules of kind `ana`")
    epoch, steps = step_counts(runs[0], len(load_data(runs[0].task.data).train))
    with torch.inference_mode():
        loop = _Loop(Cohort(runs, steps, dtype, torch.device("cpu")), steps)
        starts = range(0, steps, epoch)
        for start in starts:
            loop.advance(range(start, min(start + epoch, steps)), speed)
        return loop.result()


class _Loop:
    """A cohort and its clocks."""

    def __init__(self, cohort: Cohort, steps: int) -> None:
        self.cohort, self.steps = cohort, steps
        self.lanes = len(cohort.runs)
        places = cohort.plan.places
        self.grid = FINE * steps
        times = np.arange(self.grid + 1) / self.grid
        table = cohort.table
        distinct = list(dict.fromkeys(run.schedule for run in cohort.runs))
        self.which = np.array([distinct.index(run.schedule) for run in cohort.runs])
        # [U, G + 1, 4, Q]: what each distinct schedule says at every time of a clock.
        self.controls = np.stack([schedule.at(times, places) for schedule in distinct])
        self.controls = self.controls.swapaxes(2, 3)
        cohort.table = replace(
            table,
            controls=table.controls[table.index].copy(),
            rates=table.rates[table.index],
            ages=table.ages[table.index],
            index=np.arange(self.lanes),
        )
        self.clock = np.zeros(self.lanes)
        self.clocks: list[np.ndarray] = []
        self.signals: list[np.ndarray] = []
        self.last = np.zeros((self.lanes, len(SIGNALS)))
        self.loss = np.full(self.lanes, np.nan)
        self.failed = np.zeros(self.lanes, dtype=bool)
        self.stair = level_stair(cohort.task.precision.weights, 1.0)

    def advance(self, steps: range, speed: Speed) -> None:
        """Set the controls of an epoch by the clocks, train, and read the signals."""
        share = len(steps) / self.steps
        moved = self.clock + share * np.maximum(speed(self.last, steps.start / self.steps), 0)
        after = np.clip(moved, clock_floor(steps.stop / self.steps), 1)
        inside = np.arange(len(steps)) / len(steps)
        times = self.clock[:, None] + (after - self.clock)[:, None] * inside
        rows = np.rint(times * self.grid).astype(int)
        told = self.controls[self.which[:, None], rows]
        self.cohort.table.controls[:, steps.start : steps.stop] = told
        before = self._levels()
        losses = self.cohort.train(steps).double().cpu().numpy()
        self.failed |= ~np.isfinite(losses).all(axis=0)
        self.clock = after
        self.last = self._read(losses.mean(axis=0), before)
        self.clocks.append(after)
        self.signals.append(self.last)

    def result(self) -> ClosedLoop:
        splits = {run.evaluate for run in self.cohort.runs}
        scores = {split: evaluate(self.cohort, split).accuracy for split in splits}
        found = np.array([scores[run.evaluate][i] for i, run in enumerate(self.cohort.runs)])
        found[self.failed | ~np.isfinite(found)] = 0.0
        return ClosedLoop(found, np.stack(self.clocks, 1), np.stack(self.signals, 1))

    def _read(self, loss: np.ndarray, before: torch.Tensor) -> np.ndarray:
        """Return the signals of the epoch that ended, [K, 4], each of order 1 at most."""
        fall = (self.loss - loss) / np.maximum(np.abs(self.loss), 1e-6)
        self.loss = loss
        flips = (self._levels() != before).double().mean(1).cpu().numpy()
        gap = evaluate(self.cohort, "train").loss - loss
        columns = (fall, self._saturated(), flips, gap)
        return np.stack([np.clip(np.nan_to_num(column), -1, 2) for column in columns], axis=1)

    def _weights(self) -> torch.Tensor:
        return self.cohort.buffers.values[:, : self.cohort.plan.quantized]

    def _levels(self) -> torch.Tensor:
        """Return the levels of all quantized weights."""
        assert self.stair is not None
        return hard(self._weights(), self.stair)

    def _saturated(self) -> np.ndarray:
        assert self.stair is not None
        edges = torch.tensor(self.stair.edges, dtype=self._weights().dtype)
        distance = (self._weights()[..., None] - edges).abs().amin(-1)
        rows = np.rint(self.clock * self.grid).astype(int)
        weights = len(self.cohort.plan.weight_blocks)
        now = self.controls[self.which, rows, FORWARD_STD, :weights].mean(axis=1)
        far = distance > torch.as_tensor(2 * now, dtype=distance.dtype)[:, None]
        share: np.ndarray = far.double().mean(1).cpu().numpy()
        return share
