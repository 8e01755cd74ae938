"""Racing against a table of known accuracies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pytest

from qsched.schedules import LearningRate, Schedule
from qsched.specs import Budget, Rung
from qsched.study.arms import Arm
from qsched.study.ladder import usable_rungs
from qsched.study.racing import Raced, best_by_name, race
from qsched.study.steps import Block, Steps

T = TypeVar("T")
RUNGS = (Rung(seeds=2), Rung(seeds=4), Rung(seeds=8))


class Table:
    """Measures arms by a table of true means, with common seed noise; counts runs."""

    def __init__(self, means: dict[str, float], spread: float = 0.01) -> None:
        rng = np.random.default_rng(0)
        self.means = means
        self.common = rng.normal(0, 0.05, size=64)
        self.own = {name: rng.normal(0, spread, size=64) for name in means}
        self.runs = 0

    def __call__(
        self, phase: str, arms: Sequence[Arm], seeds: range, *, length: float = 1.0
    ) -> np.ndarray:
        assert phase == "search"
        self.runs += len(arms) * len(seeds)
        rows = [self.means[a.name] * length + self.common + self.own[a.name] for a in arms]
        return np.stack(rows)[:, seeds.start : seeds.stop]

    def block(self, block: Block) -> np.ndarray:
        return self(block.phase, block.arms, block.seeds, length=block.length)


def lead(steps: Steps[T], answer: Callable[[Block], Any]) -> T:
    """Return what steps come to, each block answered at once."""
    scores = None
    while True:
        try:
            step = steps.send(scores)
        except StopIteration as end:
            return end.value
        assert isinstance(step, Block)
        scores = np.asarray(answer(step))


def arms(*names: str) -> list[Arm]:
    schedule = Schedule(learning_rate=LearningRate(initial=0.01))
    return [Arm(name, "candidate", schedule) for name in names]


def test_hopeless_arms_stop_at_the_first_rung_and_good_ones_climb() -> None:
    names = [f"a{i}" for i in range(10)]
    means = {name: 0.8 if i < 3 else 0.5 for i, name in enumerate(names)}
    table = Table(means)
    entries = lead(race(arms(*names), RUNGS), table.block)
    assert [entry.count for entry in entries[3:]] == [2] * 7
    assert any(entry.finished for entry in entries[:3])
    assert all(entry.finished == (entry.count == 8) for entry in entries)
    assert table.runs == sum(entry.count for entry in entries)


def test_scores_are_those_of_the_seeds_in_order() -> None:
    table = Table({"a": 0.7, "b": 0.69})
    for entry in lead(race(arms("a", "b"), RUNGS), table.block):
        whole = table("search", [entry.arm], range(entry.count))[0]
        assert entry.scores[1.0].tolist() == whole.tolist()
        assert entry.mean == pytest.approx(whole.mean())
        assert entry.means[2] == pytest.approx(whole[:2].mean())


def test_common_noise_does_not_matter() -> None:
    """Seed noise of 5 points is shared; a difference of 4 is seen with two seeds all the same."""
    table = Table({"best": 0.80, **{f"a{i}": 0.76 for i in range(9)}}, spread=0.002)
    entries = lead(race(arms(*table.means), RUNGS), table.block)
    assert [entry.finished for entry in entries] == [True] + [False] * 9


def test_a_known_incumbent_stops_a_batch_but_for_its_best_arm() -> None:
    table = Table({f"a{i}": 0.5 + 0.01 * i for i in range(6)}, spread=0.001)
    incumbent = 0.9 + table.common[:8]
    entries = lead(race(arms(*table.means), RUNGS, {1.0: incumbent}), table.block)
    assert [entry.finished for entry in entries] == [False] * 5 + [True]


def test_incumbent_is_compared_on_common_seeds_only() -> None:
    table = Table({"a": 0.8, "b": 0.8}, spread=0.0)
    lucky = 0.8 + table.common[:8] + np.array([0, 0, 1, 1, 1, 1, 1, 1.0])
    entries = lead(race(arms("a", "b"), RUNGS[:2], {1.0: lucky}), table.block)
    assert all(entry.count == 4 for entry in entries)


def test_best_by_name_prefers_more_seeds_then_the_mean() -> None:
    def entry(name: str, values: list[float]) -> Raced:
        return Raced(arms(name)[0], {1.0: np.array(values)})

    a1, a2, a3 = entry("a", [0.9, 0.9]), entry("a", [0.5] * 4), entry("a", [0.6] * 4)
    b1 = entry("b", [0.1])
    assert best_by_name([a1, b1, a2, a3]) == [a3, b1]


@pytest.mark.parametrize(("sign", "serves"), [(1, True), (-1, False)])
def test_shorter_lengths_serve_only_by_measured_rank(sign: int, serves: bool) -> None:
    table = Table({f"a{i}": 0.3 + 0.05 * i for i in range(8)}, spread=0.0)
    entries = lead(race(arms(*table.means), (Rung(seeds=2),)), table.block)
    table.means = {name: sign * mean for name, mean in table.means.items()}
    budget = Budget(trials=1, rungs=(Rung(length=0.5, seeds=2), Rung(seeds=2)))
    rungs, words = usable_rungs(budget, entries, table)
    assert [rung.length for rung in rungs] == ([0.5, 1.0] if serves else [1.0])
    assert f"is {sign:.2f}" in words
    assert all(entry.scores[0.5].shape == (2,) for entry in entries)
