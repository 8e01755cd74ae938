"""Refinement: new arms near the best ones of all tasks but those of one data set.

They are trained on the other data sets only, so that what is chosen among them may be tested on
the data set left out.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from qsched.learning.bench.data import Bench, Runs, among
from qsched.learning.bench.plans import BenchArm, Plan
from qsched.learning.bench.tasks import BenchSpec
from qsched.spaces import Choice, Int, Parameter, SearchSpace, Value, load_space
from qsched.specs import digest

__all__ = ["counted", "mutated", "refined_plans", "scores_without"]

Cell = tuple[str, float]
"""An arm at a learning rate."""

PARENTS = 8
SPREAD = 0.12
"""Standard deviation of a mutation, as a share of a parameter's range."""

CHANGE = 0.12
"""Probability that a choice is drawn anew, or that a number is drawn from its whole range."""


def refined_plans(
    bench: Bench, spec: BenchSpec, count: int, seeds: int, round_seed: int
) -> list[Plan]:
    """Return mutations of the best arms, for each algorithm and each data set left out.

    Args:
        bench: what is known; its tasks are those to train on.
        spec: what SchedBench trains.
        count: new arms of an algorithm and a data set.
        seeds: of the search pool.
        round_seed: seed of the mutations.
    """
    plans = []
    for left_out in sorted(set(bench.tasks.dataset)):
        names = tuple(bench.tasks.name[bench.tasks.dataset != left_out])
        for k, (algorithm, name) in enumerate(spec.spaces.items()):
            space = load_space(name)
            parents = _best(bench, space, algorithm, left_out)
            seed = [round_seed, k, *left_out.encode()]
            random = np.random.default_rng(seed)
            for _ in range(count):
                parent = parents[int(random.integers(len(parents)))]
                point = mutated(space, parent, random, spec.design_learning_rates)
                arm = _arm(space, algorithm, left_out, point)
                plans.append(
                    Plan(arm, (arm.schedule.learning_rate.initial,), seeds, 0, tasks=names)
                )
    return plans


def scores_without(
    bench: Bench, algorithm: str, left_out: str, seeds: int = 1
) -> dict[Cell, float]:
    """Return how far arms of the search lie above the best static arm, meaned over tasks.

    Args:
        bench: what is known.
        algorithm: whose design, hand-coded schedules, and arms refined without the data set; to
            ``ana``, static arms belong too.
        left_out: the data set whose tasks do not count.
        seeds: least number of seeds on every task that counts.

    Returns:
        Difference in accuracy, by arm and learning rate; of those trained on every task that
        counts: those on which arms were refined, or all while there are none.
    """
    tasks = counted(bench, left_out)
    kinds, algorithms, made_without = map(bench.arms.column, ("kind", "algorithm", "left_out"))
    runs = bench.runs.where((bench.runs.phase == "search") & (bench.runs.length == 1))

    def counts(arm: str) -> bool:
        kind = kinds[arm]
        if kind == "static":
            return algorithm == "ana"
        refined = kind == "refined" and made_without[arm] == left_out
        return algorithms[arm] == algorithm and (kind in ("design", "hand-coded") or refined)

    sums: dict[Cell, list[float]] = defaultdict(list)
    for task in tasks:
        cells = _cells(runs.where(runs.task == task))
        means = {cell: float(np.mean(values)) for cell, values in cells.items()}
        static = max(score for (arm, _), score in means.items() if kinds[arm] == "static")
        for cell, score in means.items():
            if counts(cell[0]) and len(cells[cell]) >= seeds:
                sums[cell].append(score - static)
    return {cell: float(np.mean(d)) for cell, d in sums.items() if len(d) == len(tasks)}


def mutated(
    space: SearchSpace,
    parent: dict[str, Value],
    random: np.random.Generator,
    learning_rates: tuple[float, float],
) -> dict[str, Value]:
    """Return a point near ``parent``; what becomes active anew is drawn from its whole range."""

    def ask(name: str, parameter: Parameter) -> Value:
        if name == "learning_rate" and not isinstance(parameter, Choice | Int):
            low, high = learning_rates
            parameter = parameter.model_copy(update={"low": low, "high": high})
        share = random.random()
        if name not in parent or random.random() < CHANGE:
            return parameter.quantile(share)
        if isinstance(parameter, Choice):
            return parent[name]
        moved = parameter.share(float(parent[name])) + SPREAD * random.standard_normal()
        # Reflected at the ends, so that they are not favored.
        return parameter.quantile(min(abs(1 - abs(1 - moved)) % 1, 1 - 1e-9))

    return space.suggest(ask)


def _best(
    bench: Bench, space: SearchSpace, algorithm: str, left_out: str
) -> list[dict[str, Value]]:
    """Return the best points of the space."""
    scores = scores_without(bench, algorithm, left_out)
    points: list[dict[str, Value]] = []
    for arm, rate in sorted(scores, key=lambda cell: -scores[cell]):
        point = space.encode(bench.arms.arm(arm, rate))
        if point is not None and len(points) < PARENTS:
            points.append(point)
    return points


def _arm(space: SearchSpace, algorithm: str, left_out: str, point: dict[str, Value]) -> BenchArm:
    schedule = space.decode(point)
    name = f"{algorithm}-refined-not-{left_out}-{digest(schedule)[:8]}"
    return BenchArm(name, algorithm, "refined", schedule, point=point, left_out=left_out)


def counted(bench: Bench, left_out: str) -> list[str]:
    """Return the tasks of other data sets on which arms were refined, or all of them."""
    others = bench.tasks.name[bench.tasks.dataset != left_out].tolist()
    arms = bench.arms
    refined = arms.name[(arms.kind == "refined") & (arms.left_out == left_out)]
    seen = set(bench.runs.task[among(bench.runs.arm, refined)])
    return [task for task in others if task in seen] or others


def _cells(runs: Runs) -> dict[Cell, list[float]]:
    """Return the accuracies of all seeds, by arm and learning rate."""
    cells: dict[Cell, list[float]] = defaultdict(list)
    for arm, rate, accuracy in zip(runs.arm, runs.learning_rate, runs.accuracy, strict=True):
        cells[arm, float(rate)].append(float(accuracy))
    return cells
