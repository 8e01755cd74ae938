"""Cross-entropy, its gradient and correct classes against SciPy."""

import numpy as np
import pytest
from numba import njit
from scipy.special import log_softmax

from qsched.native import loss as kernels

ROW = 16
FLOAT = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@njit
def cross_entropy(work, grad, examples, labels, mask):
    return kernels.cross_entropy(work, 0, grad, ROW, examples, labels, mask)


@njit
def correct(work, labels, mask, out):
    for b in range(labels.size):
        out[b] = kernels.is_correct(work, b * ROW, ROW, labels[b], mask)


def batch(dtype, examples, classes, spread=3.0):
    """Return logits with 99 as padding, room for gradients behind them, labels and mask."""
    rng = np.random.default_rng(0)
    work = np.full((2 * examples, ROW), 99, dtype)
    work[:examples, :classes] = rng.normal(size=(examples, classes)) * spread
    mask = (np.arange(ROW) < classes).astype(dtype)
    return work, rng.integers(0, classes, examples), mask


@FLOAT
@pytest.mark.parametrize(("examples", "classes"), [(1, 2), (32, 10), (700, 16)])
def test_cross_entropy(dtype, examples, classes):
    work, labels, mask = batch(dtype, examples, classes)
    found = cross_entropy(work.reshape(-1), examples * ROW, examples, labels, mask)
    expected = log_softmax(work[:examples, :classes].astype(float), axis=1)
    rows = np.arange(examples)
    tolerance = 1e-13 if dtype == np.float64 else 1e-6
    assert found == pytest.approx(-expected[rows, labels].sum(), rel=tolerance)
    slope = np.zeros((examples, ROW))
    slope[:, :classes] = np.exp(expected)
    slope[rows, labels] -= 1
    np.testing.assert_allclose(work[examples:], slope / examples, atol=tolerance)
    assert (work[examples:, classes:] == 0).all()


@FLOAT
def test_the_loss_of_logits_that_are_not_finite_is_not_finite(dtype):
    for bad in (np.nan, np.inf):
        work, labels, mask = batch(dtype, 8, 10)
        work[3, 4] = bad
        assert not np.isfinite(cross_entropy(work.reshape(-1), 8 * ROW, 8, labels, mask))


@FLOAT
def test_correct_classes(dtype):
    work, labels, mask = batch(dtype, 200, 10, spread=0.5)
    work[:100] = np.round(work[:100])  # with ties, which count as correct
    work[7, 3], work[8, labels[8]] = np.nan, np.nan
    out = np.zeros(200, bool)
    correct(work.reshape(-1), labels, mask, out)
    used = work[:200, :10]
    np.testing.assert_array_equal(out, used[np.arange(200), labels] == used.max(axis=1))
    assert 20 < out.sum() < 180
