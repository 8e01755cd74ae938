"""The few statistics that a study rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

__all__ = ["Paired", "interval", "moderated_p_values", "p_text", "paired", "rank_correlation"]

Values = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Paired:
    """A paired comparison: mean of ``a - b``, its interval and two-sided p-value."""

    difference: float
    interval: tuple[float, float]
    p_value: float
    count: int
    significant: bool


def interval(values: Sequence[float], level: float) -> tuple[float, float]:
    """Return Student's confidence interval of the mean of at least two values.

    >>> low, high = interval([1.0, 2.0, 3.0], 0.95)
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    sample = np.asarray(values, dtype=float)
    half = stats.t.ppf((1 + level) / 2, sample.size - 1) * stats.sem(sample)
    return float(sample.mean() - half), float(sample.mean() + half)


def paired(a: Sequence[float], b: Sequence[float], level: float) -> Paired:
    """Compare two schedules on common seeds with Student's paired t test.

    ``significant`` means that the interval of the given level excludes 0. Equal differences at
    every seed have an interval of length 0.

    Args:
        a: accuracies of one schedule, by seed.
        b: accuracies of the other, by the same seeds.
        level: confidence level, in (0, 1).
    """
    differences = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    low, high = interval(differences.tolist(), level)
    constant = bool(np.ptp(differences) == 0)
    p_value = float(differences[0] == 0) if constant else stats.ttest_rel(a, b).pvalue
    return Paired(
        difference=float(differences.mean()),
        interval=(low, high),
        p_value=float(p_value),
        count=differences.size,
        significant=low > 0 or high < 0,
    )


def moderated_p_values(differences: np.ndarray, prior_dof: float = 4.0) -> np.ndarray:
    r"""Return one-sided p-values of "arm i is not worse than the incumbent".

    A paired t test on n = 2 seeds has one degree of freedom and no power. The variance of each arm
    is therefore shrunk towards the median variance of all arms, which have similar seed noise:

    .. math::
        \tilde s_i^2 = \frac{\nu_0 s_0^2 + (n - 1) s_i^2}{\nu_0 + n - 1},\qquad
        t_i = \bar d_i \sqrt{n} / \tilde s_i \sim t_{\nu_0 + n - 1}

    where :math:`s_0^2` is the median of :math:`s_i^2` over that of chi-square_{n-1}/(n-1), and
    :math:`\nu_0` is ``prior_dof``.

    Args:
        differences: arm minus incumbent, shape [arms, n seeds], n >= 2.
        prior_dof: weight of the common variance, in degrees of freedom.

    Returns:
        p-values of shape [arms]; small means worse than the incumbent. Where all variances are 0,
        the sign of the mean decides: 0, 0.5 or 1.

    Reference:
        Smyth, Linear models and empirical Bayes methods for assessing differential expression,
        Statistical Applications in Genetics and Molecular Biology 3, 2004.
    """
    count = differences.shape[1]
    means, variances = differences.mean(axis=1), differences.var(axis=1, ddof=1)
    common = np.median(variances) / (stats.chi2.ppf(0.5, count - 1) / (count - 1))
    dof = prior_dof + count - 1
    shrunk = (prior_dof * common + (count - 1) * variances) / dof
    error = np.sqrt(shrunk / count)
    t = np.divide(means, error, out=np.zeros_like(means), where=error > 0)
    by_sign = (1 + np.sign(means)) / 2
    p_values: np.ndarray = np.where(error > 0, stats.t.cdf(t, dof), by_sign)
    return p_values


def p_text(value: float) -> str:
    """Return a p-value with the precision that it deserves.

    >>> p_text(0.0312), p_text(1e-7)
    ('0.031', '< 0.0001')
    """
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def rank_correlation(a: Values, b: Values) -> float:
    """Return Spearman's rank correlation; 0 where one side is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(stats.spearmanr(a, b).statistic)
