"""Statistics over tasks: against SciPy, enumeration, and their own promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qsched.learning.claims.inference import hierarchical_interval, holm, sign_flip, wilcoxon


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    held = 0
    for i in range(60):
        means = random.normal(0.02, 0.03, 12)
        rows = [random.normal(mean, 0.02, 8) for mean in means]
        _, low, high = hierarchical_interval(rows, 0.9, seed=i)
        held += low <= 0.02 <= high
    assert 0.75 <= held / 60 <= 1


def test_seeds_count_beside_tasks() -> None:
    """Equal task means: the interval is that of the seeds alone, as wide as its t interval."""
    random = np.random.default_rng(1)
    noise = random.normal(0, 0.05, 10)
    rows = [noise - noise.mean() + 0.1] * 100
    mean, low, high = hierarchical_interval(rows, 0.95)
    assert mean == pytest.approx(0.1)
    error = noise.std() / np.sqrt(10 * 100)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_sign_flips_agree_with_scipy() -> None:
    values = np.random.default_rng(2).normal(0.3, 1, 9)
    peer = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    assert sign_flip(values.tolist()) == pytest.approx(peer.pvalue)


def test_many_tasks_are_flipped_at_random() -> None:
    values = np.random.default_rng(2).normal(0.2, 1, 40)
    assert sign_flip(values.tolist()) == pytest.approx(
        stats.ttest_1samp(values, 0, alternative="greater").pvalue, abs=0.03
    )


def test_a_margin_is_added() -> None:
    assert sign_flip([-0.001] * 8) > 0.9 > 0.05 > sign_flip([-0.001] * 8, margin=0.003)
    assert wilcoxon([0.0, 0.0]) == 1.0
    assert wilcoxon([-0.001] * 8, margin=0.003) < 0.05


def test_holm_keeps_the_order_and_ends_at_1() -> None:
    adjusted = holm([0.5, 0.001, 0.02, 0.9])
    assert adjusted == pytest.approx([1.0, 0.004, 0.06, 1.0])
    assert holm([]) == []


def test_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one difference"):
        hierarchical_interval([])
