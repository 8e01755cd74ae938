"""Statistics against closed forms, SciPy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qsched.study.seeds import pool
from qsched.study.statistics import interval, moderated_p_values, paired, rank_correlation


def test_pools_of_seeds_are_disjoint() -> None:
    pools = [
        set(pool(phase, study, 1000))
        for phase in ("search", "selection", "report")
        for study in range(4)
    ]
    assert len(set.union(*pools)) == sum(len(seeds) for seeds in pools)


def test_pool_refuses_more_seeds_than_it_has() -> None:
    with pytest.raises(ValueError, match="100000 seeds"):
        pool("search", 0, 100_001)


def test_interval_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).normal(size=12).tolist()
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert interval(values, 0.9) == pytest.approx((expected.low, expected.high))


def test_paired_agrees_with_scipy() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 10))
    expected = stats.ttest_rel(a, b)
    bounds = expected.confidence_interval(0.95)
    result = paired(a.tolist(), b.tolist(), 0.95)
    assert result.p_value == pytest.approx(expected.pvalue)
    assert result.interval == pytest.approx((bounds.low, bounds.high))
    assert result.difference == pytest.approx((a - b).mean())
    assert result.significant == (expected.pvalue < 0.05)


@pytest.mark.parametrize(("shift", "p_value"), [(0.0, 1.0), (0.25, 0.0)])
def test_paired_of_constant_differences(shift: float, p_value: float) -> None:
    result = paired([0.5 + shift, 0.75 + shift], [0.5, 0.75], 0.95)
    assert (result.p_value, result.interval) == (p_value, (shift, shift))
    assert result.significant == (shift != 0)


def test_moderated_test_stops_at_most_its_level_with_two_seeds() -> None:
    differences = np.random.default_rng(2).normal(0, 0.03, size=(20_000, 2))
    stopped = (moderated_p_values(differences) < 0.05).mean()
    assert 0.01 < stopped <= 0.05


def test_moderated_test_has_more_power_than_the_plain_one() -> None:
    differences = np.random.default_rng(3).normal(-0.09, 0.03, size=(5_000, 2))
    plain = stats.ttest_1samp(differences, 0, axis=1, alternative="less").pvalue
    moderated = moderated_p_values(differences)
    assert (moderated < 0.05).mean() > (plain < 0.05).mean() + 0.3


def test_moderated_test_without_any_variance_goes_by_the_sign() -> None:
    differences = np.array([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0]])
    assert moderated_p_values(differences).tolist() == [0.0, 0.5, 1.0]


def test_rank_correlation() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 20, 30, 25]) == pytest.approx(0.8)
    assert rank_correlation([1, 1, 1], [1, 2, 3]) == 0.0
