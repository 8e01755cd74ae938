"""Mean accuracies of arms on tasks, each at its own tuned learning rate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from qsched.learning.data import Arms, Bench, Runs, Tasks

__all__ = ["Algorithm", "Scores", "scores", "tuned_rates"]

Algorithm = Literal["ana", "inq"]


@dataclass(frozen=True, eq=False)
class Scores:
    """What every arm reaches on every task, on the search seeds.

    Attributes:
        tasks: T of them.
        arms: A of them.
        mean: mean validation accuracy at the tuned learning rate, [T, A]; NaN where not trained.
        rate: that learning rate, [T, A].
        seeds: number of seeds behind the mean, [T, A].
    """

    tasks: Tasks
    arms: Arms
    mean: np.ndarray
    rate: np.ndarray
    seeds: np.ndarray

    def columns(self, kinds: Iterable[str]) -> np.ndarray:
        """Return the places of the arms of some kinds."""
        return np.flatnonzero(np.isin(self.arms.kind, list(kinds)))

    def rows(self, names: Sequence[str]) -> Scores:
        """Return the scores of some tasks, in their order."""
        keep = np.isin(self.tasks.name, list(names))
        return Scores(
            self.tasks.where(keep), self.arms, self.mean[keep], self.rate[keep], self.seeds[keep]
        )

    def best(self, kinds: Iterable[str]) -> np.ndarray:
        """Return the best accuracy of an arm of some kinds, by task, [T]; NaN if there is none."""
        part = self.mean[:, self.columns(kinds)]
        known = np.isfinite(part).any(axis=1)
        result = np.full(len(part), np.nan)
        result[known] = np.nanmax(part[known], axis=1)
        return result

    def points(self) -> list[dict[str, float | int | str]]:
        """Return the parameters of every arm; empty where it is no point of its space."""
        return [json.loads(text) for text in self.arms.point]


def scores(bench: Bench, algorithm: Algorithm, length: float = 1.0) -> Scores:
    """Return the scores of an algorithm's arms and of the static ones, on all tasks.

    Of every arm the learning rate with the best mean counts, as it would be tuned.

    Args:
        bench: tasks, arms and runs.
        algorithm: whose arms.
        length: training length, as a share of the task's epochs.
    """
    wanted = (bench.arms.algorithm == algorithm) | (bench.arms.kind == "static")
    arms = bench.arms.where(wanted)
    runs = bench.runs.where((bench.runs.phase == "search") & (bench.runs.length == length))
    return _tabulated(bench.tasks, arms, runs)


def tuned_rates(table: Scores) -> dict[tuple[str, str], float]:
    """Return the tuned learning rate by (task, arm), where the arm was trained."""
    return {
        (str(table.tasks.name[t]), str(table.arms.name[a])): float(table.rate[t, a])
        for t, a in zip(*np.nonzero(np.isfinite(table.mean)), strict=True)
    }


def _tabulated(tasks: Tasks, arms: Arms, runs: Runs) -> Scores:
    rows = {name: i for i, name in enumerate(tasks.name)}
    columns = {name: i for i, name in enumerate(arms.name)}
    shape = (len(tasks), len(arms))
    mean, rate = np.full(shape, np.nan), np.full(shape, np.nan)
    seeds = np.zeros(shape, dtype=int)
    keep = np.isin(runs.arm, arms.name) & np.isin(runs.task, tasks.name)
    for (task, arm, lr), values in _grouped(runs.where(keep)):
        place = rows[task], columns[arm]
        # Rates that were tried on more seeds come before those that were dropped early.
        better = (len(values), values.mean()) > (seeds[place], np.nan_to_num(mean[place], nan=-1))
        if better:
            mean[place], rate[place], seeds[place] = values.mean(), lr, len(values)
    return Scores(tasks, arms, mean, rate, seeds)


def _grouped(runs: Runs) -> Iterable[tuple[tuple[str, str, float], np.ndarray]]:
    if not len(runs):
        return
    _, task = np.unique(runs.task.astype(str), return_inverse=True)
    _, arm = np.unique(runs.arm.astype(str), return_inverse=True)
    order = np.lexsort((runs.seed, runs.learning_rate, arm, task))
    keys = np.stack([task[order], arm[order], runs.learning_rate[order]])
    starts = np.flatnonzero(np.r_[True, (np.diff(keys, axis=1) != 0).any(axis=0)])
    for part in np.split(order, starts[1:]):
        first = part[0]
        key = (runs.task[first], runs.arm[first], float(runs.learning_rate[first]))
        yield key, runs.accuracy[part]
