"""Experiments in which every level of one factor meets every level of the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from qsched.learning.bench.experiments import FAMILIES, FORWARDS, OFFSETS, PARTITIONS
from qsched.learning.claims.evidence import Evidence

__all__ = ["cells", "order_share", "reverse_difference"]


def cells(evidence: Evidence, task: str, noise: str) -> np.ndarray | None:
    """Return mean test accuracies by synchronization and the other factors; None if one misses.

    Args:
        evidence: the runs.
        task: the task.
        noise: ``tied`` or ``live``: [order, family, forward strategy]; or ``inq``: [order,
            partition].
    """
    shape = _factors(noise)
    means = [_mean(evidence, task, _name(noise, cell)) for cell in product(*shape)]
    if any(np.isnan(means)):
        return None
    return np.reshape(means, [len(factor) for factor in shape])


def order_share(
    table: np.ndarray | None, axis: int, total: np.ndarray | None = None
) -> float | None:
    r"""Return the share of variance that the factor on an axis explains.

    .. math:: \eta^2 = \sum_l n_l (\bar y_l - \bar y)^2 / \sum (y - \bar y)^2

    Args:
        table: one mean a cell of a full factorial; None gives None.
        axis: of the factor.
        total: another table whose sum of squares counts as the whole; its cells are as many.

    >>> order_share(np.array([[0.0, 0.0], [1.0, 1.0]]), axis=0)
    1.0
    """
    whole = table if total is None else total
    if table is None or whole is None:
        return None
    rest = tuple(i for i in range(table.ndim) if i != axis)
    levels = table.mean(axis=rest)
    explained = np.square(levels - table.mean()).sum() * table.size / levels.size
    spread = np.square(whole - whole.mean()).sum()
    return float(explained / spread) if spread > 0 else 0.0


def reverse_difference(evidence: Evidence, task: str, noise: str) -> np.ndarray:
    """Return by seed the accuracy of upper layers first minus that of lower layers first.

    It is the mean over noise families and forward strategies; empty where runs are missing.
    """
    others = list(product(FAMILIES, FORWARDS))
    pairs = [
        [evidence.report(task, _name(noise, (order, *cell))) for order in ("reverse", "partition")]
        for cell in others
    ]
    if not all(a and b for a, b in pairs):
        return np.zeros(0)
    seeds = sorted(set.intersection(*(set(d) for pair in pairs for d in pair)))
    return np.array([np.mean([a[s] - b[s] for a, b in pairs]) for s in seeds])


def _factors(noise: str) -> Sequence[Sequence[str]]:
    orders = tuple(OFFSETS)
    return (orders, PARTITIONS) if noise == "inq" else (orders, FAMILIES, FORWARDS)


def _name(noise: str, cell: Sequence[str]) -> str:
    if noise == "inq":
        return f"factorial-inq-{'-'.join(cell)}"
    order, family, forward = cell
    return f"factorial-ana-{order}-{family}-{noise}-{forward}"


def _mean(evidence: Evidence, task: str, arm: str) -> float:
    found = evidence.report(task, arm)
    return float(np.mean(list(found.values()))) if found else np.nan
