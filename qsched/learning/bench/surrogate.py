"""A surrogate of a task: what a schedule would reach, in a millisecond instead of a training.

A forest of extremely randomized trees reads numbers off a schedule and is fitted to the mean
accuracies of SchedBench; noise between seeds is drawn from what remained between seeds there. With
it, samplers and transfer methods are compared in seconds. Never confirm on a surrogate what was
found with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsched.errors import InputError, UnknownNameError
from qsched.learning.bench.data import Bench, Runs
from qsched.learning.bench.numbers import numbers
from qsched.schedules import Inq, Schedule
from qsched.specs import CurvePoint, Run, RunResult, digest

__all__ = ["ACCEPTED", "Quality", "SurrogateTask", "quality"]

ACCEPTED = 0.8
"""Least rank correlation on held-out arms with which a surrogate serves."""

KINDS = ("design", "refined", "hand-coded", "static", "rule")
FOLDS = 5
TREES = 64
NEAREST = 0.2
"""Share of the arms, those of the nearest accuracy, whose residuals are drawn as noise."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Arms at their learning rates: what a surrogate is fitted to.

    Attributes:
        numbers: of the schedules, [N, :data:`NUMBERS`].
        mean: accuracy over seeds, [N].
        residuals: of every run, from its cell's mean, scaled to the variance of a single seed.
        owner: the cell of every residual.
        groups: number of the arm of every cell; one arm has several learning rates.
    """

    numbers: Floats
    mean: Floats
    residuals: Floats
    owner: NDArray[np.int64]
    groups: NDArray[np.int64]

    def noise(self) -> float:
        """Return the standard deviation between seeds."""
        return float(np.sqrt(np.mean(self.residuals**2))) if self.residuals.size else math.nan


@dataclass(frozen=True)
class Quality:
    """How well a surrogate predicts arms that it has not seen.

    Attributes:
        task, algorithm: of what.
        cells: arms at their learning rates.
        spearman: rank correlation of prediction and measurement over held-out arms.
        top_spearman: the same among the upper half of the measurements.
        error: root mean square error of a held-out cell's mean.
        spread: standard deviation between cells.
        noise: standard deviation between seeds of a cell.
    """

    task: str
    algorithm: str
    cells: int
    spearman: float
    top_spearman: float
    error: float
    spread: float
    noise: float

    @property
    def accepted(self) -> bool:
        """Whether it may be used: good ranks, or nothing to rank but noise."""
        return self.spearman >= ACCEPTED and self.spread > self.noise


class SurrogateTask:
    """Answers runs of one task from a surrogate; a training function for executors.

    Args:
        bench: the data.
        task: name of the task.
        algorithm: ``ana`` (with static arms) or ``inq``.

    Raises:
        UnknownNameError: the data have no such task.
        InputError: too few arms of the algorithm were trained on it.
    """

    def __init__(self, bench: Bench, task: str, algorithm: str) -> None:
        if task not in bench.tasks.name:
            raise UnknownNameError("task of SchedBench", task, bench.tasks.name.tolist())
        self.task, self.algorithm = task, algorithm
        self._steps = int(bench.tasks.steps[bench.tasks.name == task][0])
        self._cells = _cells(bench, task, algorithm)
        self._forest = _forest().fit(self._cells.numbers, self._cells.mean)
        self._known: dict[str, float] = {}

    def accuracy(self, schedules: Sequence[Schedule]) -> Floats:
        """Return the expected validation accuracy of schedules, each in [0, 1]."""
        if not schedules:
            return np.zeros(0)
        rows = np.stack([numbers(schedule) for schedule in schedules])
        predicted: Floats = self._forest.predict(rows)
        return predicted

    def noisy(self, schedule: Schedule, seed: int) -> float:
        """Return the accuracy of one seed: always the same for a schedule and a seed."""
        key = digest(schedule)
        if key not in self._known:
            self._known[key] = float(self.accuracy([schedule])[0])
        mean = self._known[key]
        random = np.random.default_rng([seed, int(key[:15], 16)])
        return float(np.clip(mean + random.choice(self._near(mean)), 0, 1))

    def train(self, runs: Sequence[Run]) -> list[RunResult]:
        """Answer runs as if they had been trained.

        Raises:
            InputError: a run is shorter than the task: the surrogate knows full length only.
        """
        if any(run.length != 1 for run in runs):
            raise InputError("a surrogate knows runs of full length only; use rungs of length 1")
        return [self._result(run) for run in runs]

    def _near(self, mean: float) -> Floats:
        """Return the residuals of the cells whose accuracy is nearest to ``mean``."""
        distance = np.abs(self._cells.mean - mean)[self._cells.owner]
        count = max(int(NEAREST * distance.size), 1)
        nearest: Floats = self._cells.residuals[np.argsort(distance, kind="stable")[:count]]
        return nearest

    def _result(self, run: Run) -> RunResult:
        accuracy = self.noisy(run.schedule, run.seed)
        return RunResult(
            key=run.key,
            status="finished",
            accuracy=accuracy,
            loss=1 - accuracy,
            curve=(CurvePoint(step=self._steps, loss=1 - accuracy, accuracy=accuracy),),
            steps=self._steps,
            seconds=0.0,
            versions={"engine": "surrogate"},
        )


def quality(bench: Bench, task: str, algorithm: str) -> Quality:
    """Return how well a task's surrogate predicts arms that it has not seen.

    Arms are dealt to five folds; each fold is predicted by a forest that was fitted to the others.

    Raises:
        InputError: too few arms of the algorithm were trained on the task.
    """
    from qsched.study.statistics import rank_correlation  # SciPy is slow to import.

    cells = _cells(bench, task, algorithm)
    fold = np.random.default_rng(0).permutation(cells.groups.max() + 1)[cells.groups] % FOLDS
    predicted = np.zeros_like(cells.mean)
    for k in range(FOLDS):
        rest = fold != k
        forest = _forest().fit(cells.numbers[rest], cells.mean[rest])
        predicted[~rest] = forest.predict(cells.numbers[~rest])
    top = cells.mean >= np.median(cells.mean)
    return Quality(
        task=task,
        algorithm=algorithm,
        cells=cells.mean.size,
        spearman=rank_correlation(predicted, cells.mean),
        top_spearman=rank_correlation(predicted[top], cells.mean[top]),
        error=float(np.sqrt(np.mean((predicted - cells.mean) ** 2))),
        spread=float(cells.mean.std()),
        noise=cells.noise(),
    )


def _forest() -> Any:
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(TREES, max_features=0.5, min_samples_leaf=2, random_state=0)


def _cells(bench: Bench, task: str, algorithm: str) -> _Cells:
    """Collect the search at full length, arm by arm and learning rate by learning rate."""
    runs = bench.runs.where(
        (bench.runs.task == task) & (bench.runs.phase == "search") & (bench.runs.length == 1)
    )
    kinds = dict(zip(bench.arms.name, bench.arms.kind, strict=True))
    names = {
        name: i
        for i, name in enumerate(sorted(set(runs.arm)))
        if kinds[name] in KINDS and _uses(bench.arms.arm(name), algorithm)
    }
    runs = runs.where(np.array([arm in names for arm in runs.arm], dtype=bool))
    if len(set(runs.arm)) < 2 * FOLDS:
        raise InputError(
            f"a surrogate needs at least {2 * FOLDS} arms, but SchedBench has "
            f"{len(set(runs.arm))} of `{algorithm}` on `{task}`; train more with "
            "`qsched bench-data`"
        )
    return _grouped(bench, runs, names)


def _grouped(bench: Bench, runs: Runs, names: dict[str, int]) -> _Cells:
    places: dict[tuple[str, float], int] = {}
    for arm, rate in zip(runs.arm, runs.learning_rate, strict=True):
        places.setdefault((arm, float(rate)), len(places))
    owner = np.array(
        [places[arm, float(rate)] for arm, rate in zip(runs.arm, runs.learning_rate, strict=True)]
    )
    counts = np.bincount(owner)
    mean = np.bincount(owner, runs.accuracy) / counts
    # The residuals of n seeds lose a degree of freedom to their mean; a single one says nothing.
    several = counts[owner] > 1
    scale = np.sqrt(counts / np.maximum(counts - 1, 1))[owner]
    residuals = ((runs.accuracy - mean[owner]) * scale)[several]
    return _Cells(
        numbers=np.stack([numbers(bench.arms.arm(arm, rate)) for arm, rate in places]),
        mean=mean,
        residuals=residuals if residuals.size else np.zeros(1),
        owner=owner[several] if several.any() else owner[:1],
        groups=np.unique([names[arm] for arm, _ in places], return_inverse=True)[1],
    )


def _uses(schedule: Schedule, algorithm: str) -> bool:
    """Return whether a schedule is of an algorithm, or, for ``ana``, static."""
    return isinstance(schedule.weights, Inq) == (algorithm == "inq")
