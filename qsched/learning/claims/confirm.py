"""What is trained to test the claims: everything learned without the data set it is tested on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import get_args

import numpy as np

from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.analysis.defaults import SETTLED, Learned, learn_portfolio
from qsched.learning.analysis.features import TaskFeatures
from qsched.learning.analysis.rulebook import Rulebook, apply_rules, make_rulebook, table_features
from qsched.learning.bench.data import Bench
from qsched.learning.bench.plans import BenchArm, Plan
from qsched.learning.bench.tasks import BenchSpec

__all__ = ["PORTFOLIO", "confirmation_plans"]

PORTFOLIO = 8
_SEARCH = 2
_CUT = (0.5, 1 / 3)


def confirmation_plans(bench: Bench, spec: BenchSpec, seeds: int) -> list[Plan]:
    """Return the plans of all learned arms, each on the data set that was left out.

    - ``learned``: the default at its own learning rate: no search at all.
    - ``learned tuned``: the same, its learning rate tuned as that of every rival; where networks
      are wide or train for long, and on deep ones, also at shorter lengths.
    - ``rules``, ``rules without``, ``shuffled rules``: the schedules that rules give, leaving out
      one rule each, and (noise annealing alone) from features of other tasks.
    - the portfolio's schedules on the search seeds, which warm starts begin with: on so many that
      what is learned from all data may be chosen from them.

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
    default, tail = learned[0], f"{algorithm}-not-{left_out}"
    own = BenchArm(f"learned-{tail}", algorithm, "learned", default.schedule, left_out=left_out)
    # Where the arm itself was reported, its runs are those of the default.
    new = tuple(name for name in names if not _reported(bench, default, name, seeds))
    yield Plan(own, (default.rate,), 0, seeds if new else 0, tasks=new or names)
    for each in learned:
        arm = BenchArm.known(bench.arms, each.arm, each.schedule)
        yield Plan(arm, (each.rate,), SETTLED, 0, tasks=names)
    yield from _rules(bench, algorithm, default, left_out, names, seeds)
    if algorithm == "inq":
        return
    tuned = replace(own, name=f"tuned-{tail}", kind="learned tuned")
    yield Plan(tuned, spec.rates, _SEARCH, seeds, tasks=names)
    yield Plan(tuned, spec.rates, _SEARCH, seeds, lengths=_CUT, tasks=_deep(bench, names))


def _reported(bench: Bench, learned: Learned, task: str, seeds: int) -> bool:
    runs = bench.runs
    mine = (runs.task == task) & (runs.arm == learned.arm) & (runs.phase == "report")
    return int(np.sum(mine & np.isclose(runs.learning_rate, learned.rate))) >= seeds


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
    by_name = dict(zip(bench.tasks.name, table_features(bench.tasks), strict=True))
    book = make_rulebook(bench, algorithm, default, left_out)
    title = f"rules-{algorithm}"
    for name in names:
        yield _single(title, "rules", book, by_name[name], name, seeds)
    for name in _deep(bench, names):
        for rule in book.rules:
            kind = f"rules without {rule.part}"
            without = f"{title}-without-{rule.part.replace(' ', '-')}"
            yield _single(without, kind, book, by_name[name], name, seeds, rule.part)
    if algorithm == "ana":
        shuffled = make_rulebook(bench, algorithm, default, left_out, shuffled=True)
        for name in _deep(bench, names):
            other = "shuffled-ana", "shuffled rules"
            yield _single(*other, shuffled, by_name[name], name, seeds)


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
    arm = BenchArm(f"{title}-on-{task}", book.algorithm, kind, schedule, group=task)
    return Plan(arm, (schedule.learning_rate.initial,), 0, seeds, tasks=(task,))
