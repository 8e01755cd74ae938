"""Portfolios: the few schedules that together serve all known tasks best."""

from __future__ import annotations

import numpy as np

__all__ = ["greedy_portfolio"]


def greedy_portfolio(losses: np.ndarray, size: int, first: np.ndarray | None = None) -> list[int]:
    """Return schedules, each the one that lowers the mean of every task's least loss most.

    The first one is the best single schedule: the learned default. Schedules that miss a task are
    not chosen. It stops early where no schedule is left.

    Args:
        losses: loss of every task and schedule, [T, A].
        size: how many.
        first: which may be chosen first, [A] of bool; None is all.

    Returns:
        Columns of ``losses``, in the order of choice.

    Reference:
        Salinas and Erickson, TabRepo, AutoML 2024, arXiv 2311.02971.

    >>> greedy_portfolio(np.array([[0.0, 0.4, 0.9], [1.0, 0.4, 0.3]]), 2)
    [1, 0]
    """
    usable = np.flatnonzero(np.isfinite(losses).all(axis=0))
    chosen: list[int] = []
    least = np.full(len(losses), np.inf)
    while len(chosen) < size and len(chosen) < len(usable):
        left = [int(a) for a in usable if a not in chosen]
        if not chosen and first is not None and first[left].any():
            left = [a for a in left if first[a]]
        joint = np.minimum(least[:, None], losses[:, left])
        # Of equal ones, the better on average alone.
        order = np.lexsort((losses[:, left].mean(axis=0), joint.mean(axis=0)))
        chosen.append(left[int(order[0])])
        least = np.minimum(least, losses[:, chosen[-1]])
    return chosen
