"""The way from the best hand-coded schedule of a task to the learned default, step by step."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import get_args

import numpy as np

from qsched.learning.analysis.ablation import ablation_path
from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.analysis.defaults import learn_portfolio
from qsched.learning.analysis.parts import differing
from qsched.learning.bench.data import Bench, among
from qsched.learning.bench.plans import BenchArm, Plan
from qsched.learning.bench.surrogate import SurrogateTask
from qsched.learning.bench.tasks import BenchSpec
from qsched.learning.claims.evidence import Evidence, Seeds
from qsched.learning.claims.inference import hierarchical_interval
from qsched.learning.claims.traces import SEEDS
from qsched.schedules import Schedule
from qsched.specs.heuristics import Ablation, AblationStep
from qsched.study.seeds import pool

__all__ = ["OWN_RATE", "Way", "ablation_plans", "defaults_without", "summary", "ways"]

KIND = "ablation"
_ROUNDING = 1e-5
"""Accuracies in files are rounded; one example more or less is at least a hundred times this."""
OWN_RATE = "learning rate as learned"
"""The last step: from the learning rate tuned on the task to the one that the default brings."""


Goals = Mapping[tuple[Algorithm, str], Schedule]
"""The learned default by algorithm and data set left out."""


@dataclass(frozen=True)
class Way:
    """A way that was trained.

    Attributes:
        task: on which task.
        parts: what was exchanged, in order.
        scores: test accuracy by seed of the hand-coded schedule and after every step, each at the
            learning rate that was best in the search.
        untuned: the same of the default at the learning rate that it brings along.
    """

    task: str
    parts: tuple[str, ...]
    scores: tuple[Seeds, ...]
    untuned: Seeds

    def gains(self) -> dict[str, np.ndarray]:
        """Return what each part gains, and at last the default's own rate, paired by seed."""
        scores = (*self.scores, self.untuned)
        gains = (_paired(a, b) for a, b in zip(scores, scores[1:], strict=False))
        return dict(zip((*self.parts, OWN_RATE), gains, strict=True))

    def whole(self) -> np.ndarray:
        """Return what all of it gains, paired by seed."""
        return _paired(self.scores[0], self.untuned)


def defaults_without(source: Bench) -> Goals:
    """Return the learned default of every algorithm without each data set."""
    pairs = list(product(get_args(Algorithm), sorted(set(map(str, source.tasks.dataset)))))
    learned = {pair: learn_portfolio(source, pair[0], 1, pair[1]) for pair in pairs}
    return {pair: found[0].schedule for pair, found in learned.items() if found}


def ablation_plans(
    evidence: Evidence, source: Bench, spec: BenchSpec, goals: Goals, task: str
) -> list[Plan]:
    """Return the plans of every step from the best hand-coded schedule to the learned default.

    The hand-coded schedule is the one that was best in the task's search, the default is learned
    without the task's data set. One part is exchanged at a time: at every step the one that gains
    most on the task's surrogate, at its best learning rate. Learning rates are tuned for every
    step, as they are for hand-coded schedules, and reported on the same seeds.

    Args:
        evidence: what was searched and reported.
        source: what is learned from.
        spec: learning rates.
        goals: of :func:`defaults_without`.
        task: name of the task.
    """
    plans: list[Plan] = []
    for algorithm in get_args(Algorithm):
        start = evidence.best_arm(task, algorithm, ["hand-coded"])
        goal = goals.get((algorithm, evidence.dataset(task)))
        if start is not None and goal is not None:
            way = _planned(source, spec, algorithm, task, start, goal)
            plans += _plans(way, algorithm, task, spec, evidence.claims.seeds)
    return plans


def _planned(
    source: Bench, spec: BenchSpec, algorithm: Algorithm, task: str, start: str, goal: Schedule
) -> list[Schedule]:
    """Return the schedules of a way, both ends too."""
    surrogate = SurrogateTask(source, task, algorithm)

    def predicted(schedules: Sequence[Schedule]) -> np.ndarray:
        tried = [each.at_learning_rate(rate) for each in schedules for rate in spec.rates]
        found = surrogate.accuracy(tried).reshape(len(schedules), len(spec.rates))
        best: np.ndarray = found.max(axis=1, keepdims=True)
        return best

    first = source.arms.arm(start)
    return [first, *(step.schedule for step in ablation_path(first, goal, predicted))]


def _plans(
    way: Sequence[Schedule], algorithm: Algorithm, task: str, spec: BenchSpec, seeds: int
) -> Iterator[Plan]:
    for step, schedule in enumerate(way):
        name = f"way-{algorithm}-{step}-on-{task}"
        arm = BenchArm(name, algorithm, KIND, schedule, step, group=task)
        # The first one is known as a hand-coded arm; here it only says where the way begins.
        searched, reported = (SEEDS, seeds) if step else (0, 0)
        yield Plan(arm, spec.rates, searched, reported, tasks=(task,))


def ways(
    evidence: Evidence, algorithm: Algorithm, tasks: Sequence[str], rates: Sequence[float]
) -> list[Way]:
    """Return the ways that were trained.

    Args:
        evidence: the runs.
        algorithm: of the schedules.
        tasks: on which tasks.
        rates: learning rates over which every step was tuned.
    """
    arms = evidence.bench.arms
    named: dict[str, dict[int, str]] = defaultdict(dict)
    mine = arms.where((arms.kind == KIND) & (arms.algorithm == algorithm))
    for task, step, name in zip(mine.group, mine.index, mine.name, strict=True):
        if task in tasks:
            named[str(task)][int(step)] = str(name)
    tuned = _Tuned(evidence, [name for steps in named.values() for name in steps.values()], rates)
    found = []
    for task, steps in named.items():
        names = [steps[step] for step in sorted(steps)]
        if 0 not in steps:
            continue  # It was stopped before it was written.
        schedules = [arms.arm(name) for name in names]
        parts = [
            part
            for one, other in zip(schedules, schedules[1:], strict=False)
            for part in differing(one, other)
        ]
        scores = tuple(tuned.report(task, name) for name in names)
        default = evidence.arm("learned", algorithm, left_out=evidence.dataset(task))
        untuned = evidence.report(task, default)
        if all(scores) and untuned:
            found.append(Way(task, tuple(parts), scores, untuned))
    return found


def summary(found: Sequence[Way]) -> Ablation | None:
    """Return what each part gains on average over tasks; None without any way."""
    if not found:
        return None
    gains = [way.gains() for way in found]
    steps = [_step(part, gains) for part in {part for each in gains for part in each}]
    gain, low, high = hierarchical_interval([way.whole() for way in found])
    start, end = (
        float(np.mean([np.mean(list(seeds.values())) for seeds in ends]))
        for ends in ([way.scores[0] for way in found], [way.untuned for way in found])
    )
    return Ablation(
        tasks=len(found),
        start=start,
        end=end,
        gain=gain,
        interval=(low, high),
        steps=tuple(
            sorted(steps, key=lambda step: (step.part == OWN_RATE, -step.effect, step.part))
        ),
    )


def _step(part: str, gains: Sequence[Mapping[str, np.ndarray]]) -> AblationStep:
    known = [each[part] for each in gains if part in each]
    agree = [np.zeros(1)] * (len(gains) - len(known))
    effect, low, high = hierarchical_interval([*known, *agree])
    lost = sum(float(values.mean()) < 0 for values in known)
    return AblationStep(
        part=part, effect=effect, interval=(low, high), tasks=len(known), lost=lost
    )


class _Tuned:
    """Reports of schedules at the learning rate that was best in the search.

    A schedule's runs may stand under the names of several arms.

    Args:
        evidence: the runs.
        names: arms whose schedules are asked for.
        rates: learning rates that count.
    """

    def __init__(self, evidence: Evidence, names: Iterable[str], rates: Sequence[float]) -> None:
        arms, runs = evidence.bench.arms, evidence.bench.runs
        shapes = {
            str(name): _shape(text) for name, text in zip(arms.name, arms.schedule, strict=True)
        }
        self._shapes = {name: shapes[name] for name in names}
        wanted = set(self._shapes.values())
        sharing = [name for name, shape in shapes.items() if shape in wanted]
        mine = among(runs.arm, sharing) & np.isin(runs.learning_rate, rates)
        runs = runs.where(mine & (runs.length == 1))
        tests = dict(zip(evidence.tests.key, evidence.tests.accuracy, strict=True))
        first = set(pool("search", 0, SEEDS))
        self._rates = rates
        self._searched: dict[tuple[str, str, float], list[float]] = defaultdict(list)
        self._reported: dict[tuple[str, str, float], Seeds] = defaultdict(dict)
        for i in range(len(runs)):
            cell = str(runs.task[i]), shapes[str(runs.arm[i])], float(runs.learning_rate[i])
            seed = int(runs.seed[i])
            if runs.phase[i] == "report":
                self._reported[cell][seed] = float(tests[runs.key[i]])
            elif seed in first:
                self._searched[cell].append(float(runs.accuracy[i]))

    def report(self, task: str, name: str) -> Seeds:
        """Return the test accuracies of an arm; empty where runs are missing."""
        cells = [(task, self._shapes[name], rate) for rate in self._rates]
        if any(len(self._searched[cell]) < SEEDS for cell in cells):
            return {}
        means = {cell: float(np.mean(self._searched[cell])) for cell in cells}
        best = [cell for cell, mean in means.items() if mean > max(means.values()) - _ROUNDING]
        # Of equal ones the first was reported; in files, rounding tells equal ones apart.
        return next((self._reported[cell] for cell in best if self._reported[cell]), {})


def _shape(schedule: str) -> str:
    """Return a schedule without its initial learning rate."""
    data = json.loads(schedule)
    data["learning_rate"]["initial"] = None
    return json.dumps(data)


def _paired(before: Seeds, after: Seeds) -> np.ndarray:
    common = sorted(before.keys() & after.keys())
    return np.array([after[seed] - before[seed] for seed in common])
