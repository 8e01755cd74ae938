"""The comparison of samplers on surrogates: nothing leaks, and the page holds what was counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from optuna.trial import FrozenTrial

from benchmarks import samplers
from qsched.learning import Bench, SurrogateTask, load_bench
from qsched.spaces import load_space
from qsched.study.dimensions import distributions
from qsched.study.sampling import Asked

pytest.importorskip("pyarrow")

ROOT = Path(__file__).parents[2]
TASK = "cifar-cnn9-ternary-short"
SPACE = load_space(samplers.ALGORITHM)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return load_bench()


def test_what_is_known_elsewhere_is_of_other_data_sets(bench: Bench) -> None:
    known = samplers.known_elsewhere(bench, SPACE, TASK)
    assert 0 < len(known.portfolio) <= samplers.PORTFOLIO
    runs = bench.runs
    own = np.array([str(task).startswith("cifar-") for task in runs.task])
    spoiled = replace(bench, runs=replace(runs, accuracy=np.where(own, 0.5, runs.accuracy)))
    again = samplers.known_elsewhere(spoiled, SPACE, TASK)
    assert again.portfolio == known.portfolio
    assert [t.value for t in again.trials] == [t.value for t in known.trials]


def test_the_best_so_far_is_the_one_that_looked_best(bench: Bench) -> None:
    surrogate = SurrogateTask(bench, TASK, samplers.ALGORITHM)
    points = [SPACE.suggest(lambda _, p, s=s: p.quantile(s)) for s in np.linspace(0, 0.99, 16)]
    asked = [Asked(point, distributions(SPACE, point), {}) for point in points]

    def asks(history: Sequence[FrozenTrial], batch: int) -> Sequence[Asked]:
        assert len(history) == 8 * batch
        return asked[len(history) : len(history) + 8]

    tried, best = samplers.search(surrogate, SPACE, asks, 16)
    schedules = [SPACE.decode(point) for point in points]
    assert tried == pytest.approx(surrogate.accuracy(schedules))
    seen = [np.mean([surrogate.noisy(each, seed) for seed in (0, 1)]) for each in schedules]
    assert best == pytest.approx([tried[int(np.argmax(seen[: i + 1]))] for i in range(16)])


@pytest.mark.parametrize("method", samplers.METHODS)
def test_every_method_asks_what_follows_from_its_history(bench: Bench, method: str) -> None:
    surrogate = SurrogateTask(bench, TASK, samplers.ALGORITHM)
    known = samplers.known_elsewhere(bench, SPACE, TASK)
    one, other = (
        samplers.search(surrogate, SPACE, samplers.batches(method, SPACE, known, 0), 24)[0]
        for _ in range(2)
    )
    assert one == pytest.approx(other)
    first = surrogate.accuracy([SPACE.decode(point) for point in known.portfolio])
    begins_with_it = method in ("portfolio", "transfer")
    assert (one[: len(first)] == pytest.approx(first)) == begins_with_it


def test_the_table_counts_regret_and_trials() -> None:
    rows = [
        {"task": "a", "regret": {"random": [0.2, 0.1] * 4}, "needed": {"random": [3, None]}},
        {"task": "b", "regret": {"random": [0.0, 0.3] * 4}, "needed": {"random": [5, 8]}},
    ]
    assert samplers.table(rows).splitlines()[-1] == "| random | 20.0 | 6.5 | 75 % |"
    drawn = samplers.figure(rows)
    assert list(drawn.data[-1].y[:2]) == pytest.approx([10.0, 20.0])


def test_the_page_holds_what_was_counted() -> None:
    rows = json.loads((ROOT / "benchmarks" / "results" / "samplers.json").read_text())
    assert samplers.table(rows) in (ROOT / "docs" / "schedbench.md").read_text(encoding="utf-8")
