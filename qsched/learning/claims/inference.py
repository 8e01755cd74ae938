"""Statistics over tasks: intervals, tests and their correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

__all__ = ["hierarchical_interval", "holm", "sign_flip", "wilcoxon"]

_RESAMPLES = 2000
_EXACT = 14
"""Up to so many tasks all sign flips are enumerated."""


def hierarchical_interval(
    differences: Sequence[np.ndarray], level: float = 0.95, seed: int = 0
) -> tuple[float, float, float]:
    """Return the mean over tasks of the mean over seeds, and its bootstrap interval.

    Tasks are drawn with replacement, then seeds within each drawn task: the interval holds for
    other tasks of the same kind, not only for other seeds.

    Args:
        differences: of each task the paired differences by seed, at least one each.
        level: of the interval, in (0, 1).
        seed: of the resampling.

    Returns:
        Mean, lower and upper edge.

    Raises:
        ValueError: there is no task, or a task without seeds.

    >>> mean, low, high = hierarchical_interval([np.array([1.0, 1.0]), np.array([3.0, 3.0])])
    >>> mean, low, high
    (2.0, 1.0, 3.0)
    """
    if not differences or any(len(d) == 0 for d in differences):
        raise ValueError("an interval needs tasks, each with at least one difference")
    rng = np.random.default_rng(seed)
    lengths = np.array([len(d) for d in differences])
    table = np.zeros((len(lengths), lengths.max()))
    for row, values in zip(table, differences, strict=True):
        row[: len(values)] = values
    drawn = rng.integers(len(lengths), size=(_RESAMPLES, len(lengths)))
    # Of every task drawn as many seeds as it has, also with replacement; others weigh nothing.
    shares = rng.random((*drawn.shape, table.shape[1]))
    picks = (shares * lengths[drawn][..., None]).astype(int)
    counted = np.arange(table.shape[1]) < lengths[drawn][..., None]
    sums = (table[drawn[..., None], picks] * counted).sum(axis=2)
    means = (sums / lengths[drawn]).mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(np.mean([np.mean(d) for d in differences])), float(low), float(high)


def sign_flip(differences: Sequence[float], margin: float = 0.0) -> float:
    r"""Return the one-sided p-value of "the mean over tasks is not above ``-margin``".

    Under the hypothesis :math:`d_t + margin` is symmetric about 0, so the signs may be flipped:
    exactly up to 14 tasks, else 20,000 random flips.

    Args:
        differences: one mean difference a task.
        margin: non-inferiority margin, >= 0.

    >>> sign_flip([1.0, 2.0, 3.0])
    0.125
    """
    shifted = np.asarray(differences, float) + margin
    observed = shifted.sum() - 1e-12
    if shifted.size <= _EXACT:
        bits = np.arange(2**shifted.size)[:, None] >> np.arange(shifted.size)
        return float(np.mean((1 - 2 * (bits & 1)) @ shifted >= observed))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(20_000, shifted.size))
    return float((1 + np.sum(signs @ shifted >= observed)) / 20_001)


def wilcoxon(differences: Sequence[float], margin: float = 0.0) -> float:
    """Return Wilcoxon's one-sided signed-rank p-value of "differences are not above ``-margin``".

    1 where all differences are 0.
    """
    shifted = np.asarray(differences, float) + margin
    if not np.any(shifted):
        return 1.0
    return float(stats.wilcoxon(shifted, alternative="greater").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number by Holm's step-down method.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, (len(p_values) - rank) * p_values[index])
        adjusted[index] = min(1.0, running)
    return [float(p) for p in adjusted]
