"""Weights as integers: exact where they are quantized, within half a step where they are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qsched.deploy.weights import fixed_point, integer_levels
from qsched.errors import InputError
from qsched.quantizers import CODEBOOKS, codebook


@pytest.mark.parametrize("levels", sorted(CODEBOOKS))
@pytest.mark.parametrize("seed", range(5))
def test_every_codebook_becomes_integers(levels: str, seed: int) -> None:
    book = codebook(levels)
    latent = torch.randn(1, 200, generator=torch.Generator().manual_seed(seed)) * 0.3
    quantized = book.quantize(latent, book.scale(latent)).numpy()
    found, scale = integer_levels(quantized, "layer")
    np.testing.assert_allclose(found * scale, quantized, rtol=1e-6, atol=0)
    assert np.gcd.reduce(np.abs(found).ravel()) == 1
    assert len(np.unique(found)) == len(np.unique(quantized))


def test_zeros_and_nonsense() -> None:
    found, scale = integer_levels(np.zeros((2, 3)), "layer")
    assert (found.tolist(), scale) == ([[0] * 3] * 2, 1.0)
    with pytest.raises(InputError, match="`conv2` must be few integers.*quantize this layer"):
        integer_levels(np.random.default_rng(0).normal(size=50), "conv2")
    with pytest.raises(InputError, match="`conv2` has NaN"):
        integer_levels(np.array([1.0, np.nan]), "conv2")


@pytest.mark.parametrize("largest", [1, 9, 127])
def test_fixed_point_is_near_and_its_sums_fit(largest: int) -> None:
    weights = np.random.default_rng(1).normal(size=(10, 300))
    found, step = fixed_point(weights, largest)
    assert np.log2(step) == round(np.log2(step))
    assert np.abs(found * step - weights).max() <= step / 2
    assert np.abs(found).max() < 2**15
    assert (np.abs(found).sum(axis=1) * largest).max() < 2**23
    finer = step / 2
    too_fine = np.rint(weights / finer)
    sums = (np.abs(too_fine).sum(axis=1) * largest).max()
    assert np.abs(too_fine).max() > 2**15 - 1 or sums > 2**23 - 300 * largest
