"""Runs on the seeds of the report, as claims look at them: by task and arm, paired by seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isclose
from pathlib import Path

import numpy as np

from qsched.errors import DataError
from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.analysis.variants import merged, merged_tests
from qsched.learning.bench.data import Bench, Tests, among, load_bench, load_tests
from qsched.learning.claims.claims import Claims, Which
from qsched.learning.claims.traces import SEEDS, hand_coded_best
from qsched.study.seeds import pool

__all__ = ["Evidence", "load_evidence"]

_WIDE = 32
"""Width from which a network counts as wide."""

Seeds = dict[int, float]
"""Test accuracy by seed."""


@dataclass(frozen=True)
class Evidence:
    """What was trained to learn from and to confirm, as one.

    Attributes:
        bench: tasks, arms and runs.
        tests: test results of the runs of the report.
        claims: what is claimed.
    """

    bench: Bench
    tests: Tests
    claims: Claims

    def tasks(self, which: Which) -> list[str]:
        """Return the names of some tasks."""
        table = self.bench.tasks
        deep = table.depth >= self.claims.deep
        masks = {
            "all": np.ones(len(table), dtype=bool),
            "deep": deep,
            "long": deep & ((table.budget == "long") | (table.width >= _WIDE)),
        }
        return [str(name) for name in table.name[masks[which]]]

    def dataset(self, task: str) -> str:
        """Return the data set of a task."""
        return str(self.bench.tasks.dataset[self.bench.tasks.name == task][0])

    def arm(self, kind: str, algorithm: Algorithm, *, left_out: str = "", group: str = "") -> str:
        """Return the name of the arm of a kind, data set left out, and group; "" if none is."""
        return self._arms.get((kind, algorithm, left_out, group), "")

    def report(self, task: str, arm: str, length: float = 1.0) -> Seeds:
        """Return the test accuracies of an arm; empty where it was not trained.

        An arm whose schedule another arm has, too, shares its runs.
        """
        known = self._by_arm.get((task, arm, round(length, 6)))
        if known is not None:
            return known
        schedule = self._schedules.get(arm)
        return self._by_schedule.get((task, schedule or "", round(length, 6)), {})

    def search_mean(self, task: str, arm: str, length: float = 1.0) -> float:
        """Return an arm's best mean accuracy on a search's seeds; NaN if not trained."""
        known = self._searched.get((task, arm, round(length, 6)))
        if known is None:
            key = (task, self._schedules.get(arm, ""), round(length, 6))
            known = self._searched_schedule.get(key)
        return max(known.values()) if known else np.nan

    def best(
        self, task: str, algorithm: Algorithm, kinds: Sequence[str], length: float = 1.0
    ) -> Seeds:
        """Return the test accuracies of the arm of some kinds that was best in the search."""
        name = self.best_arm(task, algorithm, kinds, length)
        return {} if name is None else self.report(task, name, length)

    def best_arm(
        self, task: str, algorithm: Algorithm, kinds: Sequence[str], length: float = 1.0
    ) -> str | None:
        """Return which of the reported arms of some kinds was best in the search."""
        arms = self.bench.arms
        mine = (arms.algorithm == algorithm) | (arms.kind == "static")
        names = arms.name[mine & among(arms.kind, kinds)]
        return self._best_of(task, [str(n) for n in names], length)

    def best_tied(self, task: str, length: float = 1.0) -> Seeds:
        """Return the same of the hand-coded schedules whose backward noise dies."""
        arms = self.bench.arms
        names = arms.name[(arms.kind == "hand-coded") & (arms.algorithm == "ana")]
        tied = [str(name) for name in names if str(name).startswith("ana-cvpr")]
        name = self._best_of(task, tied, length)
        return {} if name is None else self.report(task, name, length)

    def _best_of(self, task: str, names: Sequence[str], length: float) -> str | None:
        reported = [name for name in names if self.report(task, name, length)]
        ranked = [(self.search_mean(task, name, length), name) for name in reported]
        return max(ranked)[1] if ranked else None

    @cached_property
    def targets(self) -> dict[str, float]:
        """What searches with noise annealing have to reach: the best rival in the search."""
        return hand_coded_best(self.bench, "ana")

    @cached_property
    def _arms(self) -> dict[tuple[str, str, str, str], str]:
        arms = self.bench.arms
        rows = zip(arms.kind, arms.algorithm, arms.left_out, arms.group, arms.name, strict=True)
        return {(kind, algorithm, out, group): name for kind, algorithm, out, group, name in rows}

    @cached_property
    def _schedules(self) -> dict[str, str]:
        """What tells every arm's schedule, with its own learning rate, from others."""
        arms = self.bench.arms
        return dict(zip(map(str, arms.name), map(str, arms.schedule), strict=True))

    @cached_property
    def _by_arm(self) -> dict[tuple[str, str, float], Seeds]:
        found: dict[tuple[str, str, float], Seeds] = {}
        for task, arm, length, seed, _, test in self._rows:
            found.setdefault((task, arm, length), {})[seed] = test
        return found

    @cached_property
    def _by_schedule(self) -> dict[tuple[str, str, float], Seeds]:
        found: dict[tuple[str, str, float], Seeds] = {}
        own = self._own_rates
        for task, arm, length, seed, rate, test in self._rows:
            if isclose(own[arm], rate, rel_tol=1e-5):
                found.setdefault((task, self._schedules[arm], length), {})[seed] = test
        return found

    @cached_property
    def _own_rates(self) -> dict[str, float]:
        return {
            name: float(json.loads(text)["learning_rate"]["initial"])
            for name, text in self._schedules.items()
        }

    @cached_property
    def _rows(self) -> list[tuple[str, str, float, int, float, float]]:
        runs = self.bench.runs.where(self.bench.runs.phase == "report")
        tests = dict(zip(self.tests.key, self.tests.accuracy, strict=True))
        return [
            (str(task), str(arm), round(float(length), 6), int(seed), float(rate), tests[key])
            for task, arm, length, seed, rate, key in zip(
                runs.task,
                runs.arm,
                runs.length,
                runs.seed,
                runs.learning_rate,
                runs.key,
                strict=True,
            )
            if key in tests
        ]

    @cached_property
    def _searched(self) -> dict[tuple[str, str, float], dict[float, float]]:
        runs = self.bench.runs
        runs = runs.where((runs.phase == "search") & np.isin(runs.seed, pool("search", 0, SEEDS)))
        sums: dict[tuple[str, str, float], dict[float, list[float]]] = {}
        for task, arm, length, rate, accuracy in zip(
            runs.task, runs.arm, runs.length, runs.learning_rate, runs.accuracy, strict=True
        ):
            key = (str(task), str(arm), round(float(length), 6))
            sums.setdefault(key, {}).setdefault(float(rate), []).append(float(accuracy))
        return {
            key: {rate: float(np.mean(values)) for rate, values in rates.items()}
            for key, rates in sums.items()
        }

    @cached_property
    def _searched_schedule(self) -> dict[tuple[str, str, float], dict[float, float]]:
        own = self._own_rates
        found: dict[tuple[str, str, float], dict[float, float]] = {}
        for (task, arm, length), rates in self._searched.items():
            mine = {rate: mean for rate, mean in rates.items() if rate == own[arm]}
            # Several arms may have one schedule; some were trained at other learning rates only.
            if mine:
                found.setdefault((task, self._schedules[arm], length), mine)
        return found


def load_evidence(bench: Path | None, confirmed: Path, claims: Claims) -> Evidence:
    """Read what was learned from and what was trained to confirm it, test results too.

    Args:
        bench: folder of the first; None is the data shipped with qsched.
        confirmed: folder of the second; where it is missing, claims lack their runs.
        claims: what is claimed.
    """
    first, tests = load_bench(bench), [load_tests(bench)]
    parts = [first]
    try:
        parts.append(load_bench(confirmed))
        tests.append(load_tests(confirmed))
    except DataError:
        parts = parts[:1]
    return Evidence(merged(parts), merged_tests(tests), claims)
