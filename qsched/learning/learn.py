"""From stored runs to heuristics: importance, effects, portfolio, rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.analysis.defaults import Learned, core_tasks, learn_portfolio
from qsched.learning.analysis.effects import Effect, effect
from qsched.learning.analysis.features import FEATURES, TaskFeatures
from qsched.learning.analysis.importance import Importance, importance, over_tasks
from qsched.learning.analysis.rulebook import (
    PartRule,
    Rulebook,
    apply_rules,
    make_rulebook,
    table_features,
)
from qsched.learning.analysis.surfaces import Surface
from qsched.learning.analysis.variants import variants
from qsched.learning.analysis.words import words
from qsched.learning.bench.data import Bench
from qsched.learning.claims.ablation import summary, ways
from qsched.learning.claims.confirm import PORTFOLIO
from qsched.learning.claims.evidence import Evidence
from qsched.learning.claims.inference import hierarchical_interval
from qsched.learning.claims.measures import MEASURES, part_measure
from qsched.learning.recommend import distances
from qsched.schedules import Schedule
from qsched.spaces import SearchSpace, Value, load_space
from qsched.specs.heuristics import (
    Ablation,
    AlgorithmHeuristics,
    FormulaSpec,
    Heuristics,
    LearnedRule,
    LearnedSchedule,
    SeenTask,
)

__all__ = ["Knowledge", "learn"]

_MOST_DRAWN = 6
"""Parameters whose effects are drawn."""

_FEWEST = 3
"""Tasks from which on a measured effect counts."""

Observe = Callable[[str], None]
Gains = tuple[dict[str, np.ndarray], bool]
"""What a rule gains by task and seed, and whether that was measured."""


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What was learned of one algorithm, for the card.

    Attributes:
        importance: of the parameters, the most important first.
        effects: of the most important ones.
        book: the rules.
        schedules: the default, and the plain schedule that rules change.
        gains: of every rule, its effect by task.
    """

    importance: tuple[Importance, ...]
    effects: tuple[Effect, ...]
    book: Rulebook
    schedules: tuple[Schedule, Schedule]
    gains: dict[str, dict[str, float]]


def learn(
    evidence: Evidence,
    source: Bench,
    rates: Sequence[float],
    digests: Mapping[str, str],
    observe: Observe,
) -> tuple[Heuristics, dict[Algorithm, Knowledge]]:
    """Learn from everything that is stored.

    Args:
        evidence: all runs: those learned from, and those trained to confirm.
        source: the runs to learn from.
        rates: learning rates over which arms were tuned.
        digests: of the files, for the record.
        observe: told what is done next.

    Returns:
        Heuristics, and by algorithm what the card draws.
    """
    algorithms, knowledge = {}, {}
    for algorithm in get_args(Algorithm):
        observe(f"{algorithm}: portfolio")
        trained = _trained(evidence, source, algorithm)
        learned = learn_portfolio(trained, algorithm, PORTFOLIO)
        if not learned:
            continue
        observe(f"{algorithm}: rules")
        book = make_rulebook(trained, algorithm, learned[0])
        gains = {rule.part: _gains(rule, book, evidence) for rule in book.rules}
        observe(f"{algorithm}: importance and effects")
        ranked, drawn = _shapes(source, algorithm)
        trained_ways = ways(evidence, algorithm, evidence.tasks("deep"), rates)
        algorithms[algorithm] = _heuristics(
            algorithm, learned, book, gains, evidence, summary(trained_ways)
        )
        typical = _typical(table_features(evidence.bench.tasks))
        schedules = (apply_rules(book, typical), book.base)
        by_task = {
            part: {task: float(np.mean(values)) for task, values in found.items()}
            for part, (found, _) in gains.items()
        }
        knowledge[algorithm] = Knowledge(tuple(ranked), tuple(drawn), book, schedules, by_task)
    about = f"learned from {len(source.runs):,} trainings of {len(source.tasks)} tasks"
    return Heuristics(about=about, data=dict(digests), algorithms=algorithms), knowledge


def _heuristics(
    algorithm: Algorithm,
    learned: Sequence[Learned],
    book: Rulebook,
    gains: Mapping[str, Gains],
    evidence: Evidence,
    ablation: Ablation | None,
) -> AlgorithmHeuristics:
    features = table_features(evidence.bench.tasks)
    rules = [_rule(rule, book, evidence, features, gains[rule.part]) for rule in book.rules]
    return AlgorithmHeuristics(
        portfolio=tuple(
            LearnedSchedule(
                name=each.arm, schedule=_relative(each.schedule, evidence), regret=each.loss
            )
            for each in learned
        ),
        base=book.base_name,
        rules=tuple(sorted(rules, key=lambda rule: -rule.effect)),
        tasks=_seen(evidence, algorithm, features),
        reach=_reach(features),
        ablation=ablation,
    )


def _trained(evidence: Evidence, source: Bench, algorithm: Algorithm) -> Bench:
    """Return all runs on the tasks that count in ``source``.

    What confirms the schedules learned without a data set adds their runs on that data set, so
    that they can be chosen from, but must not add tasks on which little else was trained.
    """
    table = variants(source, algorithm)
    return evidence.bench.on(table.tasks[core_tasks(source, table, None)])


def _shapes(bench: Bench, algorithm: Algorithm) -> tuple[list[Importance], list[Effect]]:
    """Return importance and effects of the parameters, from the design."""
    space = load_space(algorithm)
    table = variants(bench, algorithm)
    table = table.on(core_tasks(bench, table, None))
    kinds = dict(zip(bench.arms.name, bench.arms.kind, strict=True))
    known = dict(zip(bench.arms.name, bench.arms.points(), strict=True))
    columns = np.flatnonzero([kinds[name] == "design" for name in table.names])
    rows = [_design(known, table.names[columns], row) for row in table.mean[:, columns]]
    rows = [(points, values) for points, values in rows if len(points) >= PORTFOLIO]
    ranked = over_tasks([importance(space, points, values) for points, values in rows])
    surfaces = [Surface(space, points, values) for points, values in rows]
    top = [each.parameter for each in ranked[:_MOST_DRAWN]]
    return ranked, _effects(space, surfaces, [p for p, _ in rows], top)


def _design(
    known: Mapping[str, dict[str, Value]], names: np.ndarray, values: np.ndarray
) -> tuple[list[dict[str, Value]], list[float]]:
    use = np.flatnonzero(np.isfinite(values))
    return [known[names[i]] for i in use], [float(values[i]) for i in use]


def _effects(
    space: SearchSpace,
    surfaces: Sequence[Surface],
    points: Sequence[Sequence[Mapping[str, Value]]],
    names: Sequence[str],
) -> list[Effect]:
    longest = max(points, key=len, default=[])
    found = (effect(space, surfaces, longest, name) for name in names)
    return [each for each in found if each is not None]


def _relative(schedule: Schedule, evidence: Evidence) -> Schedule:
    """Return the schedule with its learning rate as a multiple of the tasks' center."""
    center = float(np.median(evidence.bench.tasks.learning_rate))
    return schedule.at_learning_rate(schedule.learning_rate.initial / center)


def _gains(rule: PartRule, book: Rulebook, evidence: Evidence) -> Gains:
    """Return what a rule gains by task and seed, and whether that was measured."""
    measure = part_measure(book.algorithm, rule.part)
    measured = measure(evidence, evidence.tasks("deep")).values
    if len(measured) >= _FEWEST:
        return measured, True
    return {t: np.array([g]) for t, g in zip(book.tasks, rule.gain, strict=True)}, False


def _rule(
    rule: PartRule,
    book: Rulebook,
    evidence: Evidence,
    features: Sequence[TaskFeatures],
    gains: Gains,
) -> LearnedRule:
    formulas = {
        name: FormulaSpec(
            form=fitted.formula.form,
            features=fitted.formula.features,
            numbers=fitted.formula.numbers,
            text=fitted.formula.text(),
            nodes=fitted.formula.nodes,
        )
        for name, fitted in rule.formulas.items()
    }
    varying = {name: each.text for name, each in formulas.items() if each.features}
    by_task, measured = gains
    without = _names(evidence, book.algorithm, rule.part) if measured else ()
    mean, low, high = hierarchical_interval(list(by_task.values()))
    return LearnedRule(
        id=f"{book.algorithm}-{rule.part.replace(' ', '-')}",
        words=words(rule.part, apply_rules(book, _typical(features)), varying),
        part=rule.part,
        formulas=formulas,
        effect=mean,
        interval=(low, high),
        basis="measured" if measured else "predicted",
        tasks=len(by_task),
        failed=tuple(task for task, values in by_task.items() if values.mean() < 0),
        scope=_scope(features),
        evidence=(book.base_name, *without),
    )


def _names(evidence: Evidence, algorithm: Algorithm, part: str) -> list[str]:
    arms = evidence.bench.arms
    mine = (arms.kind == f"rules without {part}") & (arms.algorithm == algorithm)
    return [str(name) for name in arms.name[mine]]


def _seen(
    evidence: Evidence, algorithm: Algorithm, features: Sequence[TaskFeatures]
) -> tuple[SeenTask, ...]:
    """Return every task with what the default learned without its data set gains there."""
    names = evidence.tasks("all")
    tail = "" if algorithm == "ana" else "-inq"
    hand = MEASURES[f"learned-hand{tail}"](evidence, names).values
    static = MEASURES[f"learned-static{tail}"](evidence, names).values
    return tuple(
        SeenTask(
            name=name,
            dataset=evidence.dataset(name),
            features={f: float(getattr(each, f)) for f in FEATURES},
            gain=float(hand[name].mean()) if name in hand else None,
            over_static=float(static[name].mean()) if name in static else None,
            accuracy=_accuracy(evidence, name, algorithm),
        )
        for name, each in zip(names, features, strict=True)
    )


def _accuracy(evidence: Evidence, task: str, algorithm: Algorithm) -> float | None:
    arm = evidence.arm("learned", algorithm, left_out=evidence.dataset(task))
    found = evidence.report(task, arm)
    return float(np.mean(list(found.values()))) if found else None


def _reach(features: Sequence[TaskFeatures]) -> float:
    """Return the largest distance of a task from its nearest other one."""
    seen = np.array([each.logs() for each in features])
    gaps = [
        float(distances(row, np.delete(seen, i, axis=0), seen).min()) for i, row in enumerate(seen)
    ]
    return max(gaps)


def _scope(features: Sequence[TaskFeatures]) -> dict[str, tuple[float, float]]:
    values = np.array([each.values() for each in features])
    return {
        name: (float(low), float(high))
        for name, low, high in zip(FEATURES, values.min(axis=0), values.max(axis=0), strict=True)
    }


def _typical(features: Sequence[TaskFeatures]) -> TaskFeatures:
    middle = np.median([each.values() for each in features], axis=0)
    return TaskFeatures(*map(float, middle))
