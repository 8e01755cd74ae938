"""Learned defaults and portfolios, from all tasks or from all but those of one data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.analysis.portfolio import greedy_portfolio
from qsched.learning.analysis.variants import Variants, losses, variants
from qsched.learning.bench.data import Bench
from qsched.schedules import Schedule

__all__ = ["SETTLED", "Learned", "candidates", "core_tasks", "learn_portfolio"]

_KINDS = ("design", "refined", "learned", "hand-coded", "static")
SETTLED = 6
"""Seeds on every task from which on a mean is believed."""
_COVERAGE = 24
"""Tasks count where at least so many candidates were trained that are not hand-coded."""


@dataclass(frozen=True)
class Learned:
    """One schedule of a portfolio.

    Attributes:
        arm: its name.
        rate: its learning rate.
        schedule: it, with that learning rate.
        loss: mean loss of the portfolio up to and with this one, in accuracy.
    """

    arm: str
    rate: float
    schedule: Schedule
    loss: float


def learn_portfolio(
    bench: Bench, algorithm: Algorithm, size: int, left_out: str | None = None
) -> list[Learned]:
    """Return the greedy portfolio over tasks; its first schedule is the learned default.

    Only schedules that nothing of the data set ``left_out`` has influenced are chosen from, and
    only tasks of other data sets count. For ``ana``, static schedules may be chosen: where nothing
    dynamic is better, they are the right default.

    Args:
        bench: tasks, arms and runs.
        algorithm: of the schedules.
        size: how many.
        left_out: the data set left out; None is none.
    """
    table = variants(bench, algorithm)
    table = table.on(core_tasks(bench, table, left_out))
    columns = np.flatnonzero(candidates(bench, table, left_out))
    part = losses(table)[:, columns]
    # Of many schedules on few seeds the luckiest looks best: the default comes from those that
    # were trained on more.
    settled = table.seeds[:, columns].min(axis=0) >= SETTLED
    chosen = greedy_portfolio(part, size, settled)
    least = np.minimum.accumulate(part[:, chosen], axis=1).mean(axis=0)
    return [
        Learned(
            str(table.names[columns[c]]),
            float(table.rates[columns[c]]),
            table.schedule(bench.arms, int(columns[c])),
            float(loss),
        )
        for c, loss in zip(chosen, least, strict=True)
    ]


def candidates(bench: Bench, table: Variants, left_out: str | None) -> np.ndarray:
    """Return which variants may be learned from without ``left_out``, [V].

    Arms that were refined without one data set must not be chosen where another is left out.
    """
    kinds, algorithms, made_without = map(bench.arms.column, ("kind", "algorithm", "left_out"))
    frozen = any(algorithms[name] == "inq" for name in table.names)
    return np.array(
        [
            kinds[name] in _KINDS
            and (left_out is None or made_without[name] in ("", left_out))
            and not (frozen and algorithms[name] != "inq")
            for name in table.names
        ],
        dtype=bool,
    )


def core_tasks(bench: Bench, table: Variants, left_out: str | None) -> np.ndarray:
    """Return which tasks count: of other data sets, and trained as widely as most are, [T].

    Where refined schedules were trained, only the tasks that they were trained on count.
    """
    allowed = candidates(bench, table, left_out)
    kinds = bench.arms.column("kind")
    known = np.isfinite(table.mean)
    refined = allowed & np.array([kinds[n] == "refined" for n in table.names], dtype=bool)
    others = table.datasets != left_out
    trained = known[:, refined].sum(axis=1) >= _COVERAGE / 4
    if (trained & others).any():
        return np.asarray(trained & others)
    design = allowed & np.array([kinds[n] == "design" for n in table.names], dtype=bool)
    return np.asarray(others & (known[:, design].sum(axis=1) >= _COVERAGE))
