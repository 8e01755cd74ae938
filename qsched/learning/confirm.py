"""What is trained to test the claims: everything learned without the data set it is tested on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np

from qsched.learning.data import Bench
from qsched.learning.defaults import Learned, learn_portfolio
from qsched.learning.features import TaskFeatures
from qsched.learning.generate_plans import BenchArm, Plan
from qsched.learning.rulebook import Rulebook, apply_rules, make_rulebook, table_features
from qsched.learning.scores import Algorithm, scores
from qsched.learning.tasks import BenchSpec
from qsched.schedules import Schedule
from qsched.schedules.file import load_schedule

__all__ = ["PORTFOLIO", "confirmation_plans"]

PORTFOLIO = 8
_SEARCH = 2
_ANNEALED = "ana-2019-overlapped"
"""The hand-coded schedule that a curve of INQ is put into."""
_CUT = (0.5, 1 / 3)


def confirmation_plans(bench: Bench, spec: BenchSpec, seeds: int) -> list[Plan]:
    """Return the plans of all learned arms, each on the data set that was left out.

    - ``learned``: the default at its own learning rate: no search at all.
    - ``learned tuned``: the same, its learning rate tuned as that of every rival; where networks
      are wide or train for long, and on deep ones, also at shorter lengths.
    - ``rules``, ``rules without``, ``shuffled rules``: the schedules that rules give, leaving out
      one rule each, and from features of other tasks.
    - ``cross``: the default's hardening curve within a plain schedule of the other algorithm.
    - the portfolio's schedules on the search seeds, which warm starts begin with.

    Args:
        bench: what was trained to learn from.
        spec: what SchedBench trains: its learning rates.
        seeds: of the report.
    """
    plans: list[Plan] = []
    for left_out in sorted(set(map(str, bench.tasks.dataset))):
        names = tuple(map(str, bench.tasks.name[bench.tasks.dataset == left_out]))
        for algorithm in get_args(Algorithm):
            plans += _fold(bench, spec, algorithm, left_out, names, seeds)
    return plans


def _fold(
    bench: Bench,
    spec: BenchSpec,
    algorithm: Algorithm,
    left_out: str,
    names: tuple[str, ...],
    seeds: int,
) -> Iterator[Plan]:
    learned = learn_portfolio(bench, algorithm, PORTFOLIO, left_out)
    if not learned:
        return
    rates = tuple(spec.learning_rate * factor for factor in spec.learning_rates)
    default, tail = learned[0], f"{algorithm}-not-{left_out}"
    own = BenchArm(f"learned-{tail}", algorithm, "learned", default.schedule)
    tuned = BenchArm(f"tuned-{tail}", algorithm, "learned tuned", default.schedule)
    yield Plan(own, (default.rate,), _SEARCH, seeds, tasks=names)
    yield Plan(tuned, rates, _SEARCH, seeds, tasks=names)
    if algorithm == "ana":
        yield Plan(tuned, rates, _SEARCH, seeds, lengths=_CUT, tasks=_deep(bench, names))
    yield from _rules(bench, algorithm, default, left_out, names, seeds)
    yield from _cross(bench, rates, algorithm, learned, left_out, names, seeds)
    kinds = dict(zip(bench.arms.name, bench.arms.kind, strict=True))
    for each in learned:
        arm = BenchArm(each.arm, algorithm, str(kinds[each.arm]), each.schedule)
        yield Plan(arm, (each.rate,), _SEARCH, 0, tasks=names)


def _deep(bench: Bench, names: Sequence[str]) -> tuple[str, ...]:
    deep = dict(zip(bench.tasks.name, bench.tasks.depth >= 6, strict=True))
    return tuple(name for name in names if deep[name])


def _rules(
    bench: Bench,
    algorithm: Algorithm,
    default: Learned,
    left_out: str,
    names: tuple[str, ...],
    seeds: int,
) -> Iterator[Plan]:
    features = table_features(bench.tasks)
    book = make_rulebook(bench, algorithm, default, left_out)
    by_name = dict(zip(bench.tasks.name, features, strict=True))
    shuffled = make_rulebook(bench, algorithm, default, left_out, _shuffled(features))
    for name in names:
        yield _single(f"rules-{algorithm}", "rules", book, by_name[name], name, seeds)
        if _formulas(shuffled) or _formulas(book):
            other = f"shuffled-{algorithm}", "shuffled rules"
            yield _single(*other, shuffled, by_name[name], name, seeds)
    for name in _deep(bench, names) if algorithm == "ana" else ():
        for rule in book.rules[:-1]:
            title = f"rules-{algorithm}-without-{rule.part.replace(' ', '-')}"
            kind = f"rules without {rule.part}"
            yield _single(title, kind, book, by_name[name], name, seeds, rule.part)


def _single(
    title: str,
    kind: str,
    book: Rulebook,
    features: TaskFeatures,
    task: str,
    seeds: int,
    without: str | None = None,
) -> Plan:
    """Return the plan of the schedule that rules give for one task."""
    schedule = apply_rules(book, features, without)
    arm = BenchArm(f"{title}-on-{task}", book.algorithm, kind, schedule)
    return Plan(arm, (schedule.learning_rate.initial,), 0, seeds, tasks=(task,))


def _formulas(book: Rulebook) -> bool:
    return any(f.formula.features for rule in book.rules for f in rule.formulas.values())


def _shuffled(features: Sequence[TaskFeatures]) -> list[TaskFeatures]:
    order = np.random.default_rng(0).permutation(len(features))
    return [features[i] for i in order]


def _cross(
    bench: Bench,
    rates: tuple[float, ...],
    algorithm: Algorithm,
    learned: Sequence[Learned],
    left_out: str,
    names: tuple[str, ...],
    seeds: int,
) -> Iterator[Plan]:
    """Return the plan of a curve of ``algorithm`` within a plain schedule of the other one."""
    other: Algorithm = "inq" if algorithm == "ana" else "ana"
    curve = next((each.schedule for each in learned if _hardens(each.schedule)), None)
    host = _host(bench, other, left_out)
    if curve is None:
        return
    lag = host.lag if other == "inq" else curve.lag
    schedule = host.model_copy(update={"window": curve.window, "decay": curve.decay, "lag": lag})
    arm = BenchArm(f"cross-{algorithm}-in-{other}-not-{left_out}", other, "cross", schedule)
    yield Plan(arm, rates, _SEARCH, seeds, tasks=names)


def _hardens(schedule: Schedule) -> bool:
    """Return whether the curve has an effect: something is annealed, or frozen."""
    weights = schedule.weights
    return weights is not None and (weights.kind == "inq" or weights.forward_std > 0)


def _host(bench: Bench, algorithm: Algorithm, left_out: str) -> Schedule:
    """Return the hand-coded schedule into which a foreign curve is put."""
    if algorithm == "ana":
        return load_schedule(_ANNEALED).schedule
    table = scores(bench, "inq").rows(list(bench.tasks.name[bench.tasks.dataset != left_out]))
    columns = table.columns(["hand-coded"])
    trained = np.isfinite(table.mean[:, columns]).all(axis=1)
    best = columns[int(table.mean[trained][:, columns].mean(axis=0).argmax())]
    found = bench.arms.arm(str(table.arms.name[best]))
    # The stages of a foreign curve are not those at which the host's learning rate restarts.
    rate = load_schedule(_ANNEALED).schedule.learning_rate
    return found.model_copy(update={"learning_rate": rate})
