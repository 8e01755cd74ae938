"""Portfolios: the few schedules that together serve all known tasks best."""

from __future__ import annotations

import numpy as np

__all__ = ["greedy_portfolio", "regrets", "trials_to_reach"]


def regrets(scores: np.ndarray, reference: np.ndarray, floor: float = 0.005) -> np.ndarray:
    r"""Return how far each schedule stays below the best one of its task.

    .. math:: r_{ta} = \frac{\max_b y_{tb} - y_{ta}}{\max(\max_b y_{tb} - ref_t,\; floor)}

    0 is the best known schedule of a task, 1 the reference (the best hand-coded one).

    Args:
        scores: mean accuracy y of every task and schedule, [T, A]; NaN is a missing one.
        reference: accuracy of each task's reference, [T].
        floor: least difference that counts as 1, in accuracy: tasks on which schedules differ by
            less than noise must not dominate.

    Returns:
        [T, A], >= 0; NaN stays.
    """
    best = np.nanmax(scores, axis=1)
    scale = np.maximum(best - reference, floor)
    result: np.ndarray = (best[:, None] - scores) / scale[:, None]
    return result


def greedy_portfolio(losses: np.ndarray, size: int, first: np.ndarray | None = None) -> list[int]:
    """Return schedules, each the one that lowers the mean of every task's least loss most.

    The first one is the best single schedule: the learned default. Schedules that miss a task are
    not chosen. It stops early where no schedule is left.

    Args:
        losses: loss of every task and schedule, [T, A], such as :func:`regrets`.
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


def trials_to_reach(values: np.ndarray, target: float) -> int | None:
    """Return after how many trials ``target`` is reached; None if it never is.

    >>> trials_to_reach(np.array([0.7, 0.9, 0.95]), 0.9)
    2
    """
    reached = np.flatnonzero(np.asarray(values) >= target)
    return int(reached[0]) + 1 if reached.size else None
