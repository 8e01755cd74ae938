"""Variants: arms at given learning rates, and how far each stays below the best of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.bench.data import Arms, Bench, Columns, Tests, among
from qsched.schedules import Schedule

__all__ = ["Variants", "losses", "merged", "merged_tests", "variants"]

_WORST = 0.1
"""A schedule that loses more than this is bad; how much worse does not matter."""


@dataclass(frozen=True, eq=False)
class Variants:
    """What arms at given learning rates reach on the search seeds.

    Attributes:
        tasks: names, T.
        datasets: of the tasks, T.
        names: of the arms, V.
        rates: learning rates, V.
        mean: mean validation accuracy, [T, V]; NaN where not trained.
        seeds: number of seeds behind it, [T, V].
    """

    tasks: np.ndarray
    datasets: np.ndarray
    names: np.ndarray
    rates: np.ndarray
    mean: np.ndarray
    seeds: np.ndarray

    def on(self, keep: np.ndarray) -> Variants:
        """Return the same on some tasks."""
        return replace(
            self,
            tasks=self.tasks[keep],
            datasets=self.datasets[keep],
            mean=self.mean[keep],
            seeds=self.seeds[keep],
        )

    def schedule(self, arms: Arms, column: int) -> Schedule:
        """Return the schedule of a variant, with its learning rate."""
        return arms.arm(self.names[column], float(self.rates[column]))


def variants(bench: Bench, algorithm: Algorithm, length: float = 1.0) -> Variants:
    """Return the variants of an algorithm, static ones included.

    Args:
        bench: tasks, arms and runs.
        algorithm: whose arms.
        length: training length, as a share of the task's epochs.
    """
    arms = bench.arms.name[(bench.arms.algorithm == algorithm) | (bench.arms.kind == "static")]
    runs = bench.runs
    runs = runs.where((runs.phase == "search") & (runs.length == length) & among(runs.arm, arms))
    pairs = np.array([f"{a}@{r:.9g}" for a, r in zip(runs.arm, runs.learning_rate, strict=True)])
    labels, first, column = np.unique(pairs, return_index=True, return_inverse=True)
    rows = {name: i for i, name in enumerate(bench.tasks.name)}
    row = np.array([rows[name] for name in runs.task], dtype=int)
    total = np.zeros((len(rows), len(labels)))
    count = np.zeros_like(total)
    np.add.at(total, (row, column), runs.accuracy)
    np.add.at(count, (row, column), 1)
    mean = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return Variants(
        bench.tasks.name,
        bench.tasks.dataset,
        runs.arm[first],
        runs.learning_rate[first],
        mean,
        count.astype(int),
    )


def losses(table: Variants) -> np.ndarray:
    """Return how far each variant stays below the best of its task, at most 0.1, [T, V].

    Not trained is NaN. Differences count in accuracy, not in shares of a task's spread: tasks on
    which schedules hardly differ decide little.
    """
    best = np.nanmax(table.mean, axis=1, keepdims=True)
    result: np.ndarray = np.clip(best - table.mean, 0, _WORST)
    return result


def merged_tests(tests: Sequence[Tests]) -> Tests:
    """Return several collections of test results as one."""
    first, *others = tests
    for other in others:
        first = _joined(first, other, "key")
    return first


def merged(benches: Sequence[Bench]) -> Bench:
    """Return several collections of runs as one; of equal runs and arms the first counts."""
    first, *others = benches
    tasks, arms, runs = first.tasks, first.arms, first.runs
    for other in others:
        tasks = _joined(tasks, other.tasks, "name")
        arms = _joined(arms, other.arms, "name")
        runs = _joined(runs, other.runs, "key")
    return Bench(tasks, arms, runs, first.about)


Table = TypeVar("Table", bound=Columns)


def _joined(one: Table, other: Table, key: str) -> Table:
    new = other.where(~among(getattr(other, key), getattr(one, key)))
    return replace(
        one,
        **{
            f.name: np.concatenate([getattr(one, f.name), getattr(new, f.name)])
            for f in fields(one)
        },
    )
