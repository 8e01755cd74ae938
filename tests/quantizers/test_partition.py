from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qsched.errors import InputError, UnknownNameError
from qsched.levels import frozen_count
from qsched.quantizers import freeze

PARTITIONS = ("magnitude", "smallest", "error", "random", "rpr")


def sample(rows=4, n=30, seed=0):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(rows, n, generator=generator)
    return weights, weights.round(), torch.rand(rows, n, generator=generator)


@given(st.integers(0, 1000), st.integers(1, 5000))
def test_count_rounds_the_decimal_fraction_half_up(thousandths, n):
    exact = floor(Fraction(thousandths, 1000) * n + Fraction(1, 2))
    assert frozen_count(np.array(thousandths / 1000), n).item() == exact


def test_count_is_exact_at_the_ends_and_keeps_the_shape():
    fractions = np.array([[0.0, 0.5], [1.0, 1 - 1e-12]])
    for n in (1, 3, 10**6 + 1):
        count = frozen_count(fractions, n)
        assert count.dtype == np.int64
        assert count.tolist() == [[0, (n + 1) // 2], [n, n]]


@pytest.mark.parametrize("partition", PARTITIONS)
def test_the_frozen_set_only_grows_and_its_size_is_exact(partition):
    weights, quantized, _ = sample()
    frozen = torch.zeros(4, 30, dtype=torch.bool)
    generator = torch.Generator().manual_seed(1)
    for counts in ([0, 1, 2, 3], [5, 5, 5, 5], [20, 6, 30, 7], [20, 6, 30, 29], [30] * 4):
        uniform = torch.rand(4, 30, generator=generator)
        # Free weights move between stages.
        weights = torch.where(frozen, quantized, weights + uniform - 0.5)
        grown = freeze(weights, quantized, frozen, torch.tensor(counts), partition, uniform)
        assert grown.sum(dim=1).tolist() == counts
        if partition != "rpr":
            assert (grown | ~frozen).all()
        frozen = grown
    assert frozen.all()


@pytest.mark.parametrize("partition", ["magnitude", "smallest", "error"])
def test_the_right_weights_come_first(partition):
    weights, quantized, _ = sample()
    frozen = freeze(weights, quantized, weights.isnan(), torch.tensor([3, 7, 15, 30]), partition)
    key = {
        "magnitude": lambda w, q: -abs(w),
        "smallest": lambda w, q: abs(w),
        "error": lambda w, q: abs(w - q),
    }[partition]
    for i, count in enumerate((3, 7, 15, 30)):
        w, q = weights[i].tolist(), quantized[i].tolist()
        order = sorted(range(30), key=lambda j, w=w, q=q: key(w[j], q[j]))
        assert frozen[i].nonzero().flatten().tolist() == sorted(order[:count])


def test_a_lower_count_releases_nothing():
    weights, quantized, uniform = sample()
    frozen = torch.rand(4, 30, generator=torch.Generator().manual_seed(2)) < 0.5
    kept = freeze(weights, quantized, frozen, torch.tensor([0, 1, 2, 3]), "random", uniform)
    assert torch.equal(kept, frozen)


@pytest.mark.parametrize("partition", ["random", "rpr"])
def test_random_partitions_choose_all_weights_alike(partition):
    rows, n, count = 40_000, 10, 4
    uniform = torch.rand(rows, n, generator=torch.Generator().manual_seed(3))
    weights = torch.arange(n, dtype=torch.float32).expand(rows, n)
    frozen = torch.zeros(rows, n, dtype=torch.bool)
    frozen[:, 2] = True
    counts = torch.full((rows,), count)
    chosen = freeze(weights, weights, frozen, counts, partition, uniform).double()
    free = [j for j in range(n) if j != 2]
    share = count / n if partition == "rpr" else (count - 1) / (n - 1)
    np.testing.assert_allclose(
        chosen[:, free].mean(dim=0), share, atol=5 * (share * (1 - share) / rows) ** 0.5
    )
    assert chosen[:, 2].mean().item() == (
        1 if partition == "random" else pytest.approx(0.4, abs=0.02)
    )
    # Pairs as well: of k chosen among m, two given ones are both chosen with k (k-1) / (m (m-1)).
    m, k = (n, count) if partition == "rpr" else (n - 1, count - 1)
    both = (chosen[:, free].t() @ chosen[:, free] / rows).numpy()
    pairs = both[~np.eye(len(free), dtype=bool)]
    expected = k * (k - 1) / (m * (m - 1))
    np.testing.assert_allclose(pairs, expected, atol=5 * (expected / rows) ** 0.5)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_strides_do_not_matter(partition):
    weights, quantized, uniform = sample()
    turned = weights.t().contiguous().t()
    assert not turned.is_contiguous()
    frozen = weights > 1
    count = torch.tensor([9, 10, 11, 12])
    expected = freeze(weights, quantized, frozen, count, partition, uniform)
    assert torch.equal(freeze(turned, quantized, frozen, count, partition, uniform), expected)


@pytest.mark.parametrize("partition", ["magnitude", "smallest", "error"])
def test_diverged_weights_come_last_and_leave_the_size_exact(partition):
    weights = torch.tensor([[torch.nan, 1.0, -torch.inf, 2.0, torch.nan, 3.0]])
    frozen = torch.tensor([[False, False, False, False, True, False]])
    grown = freeze(weights, weights.round(), frozen, torch.tensor([3]), partition)
    assert grown.sum() == 3
    assert grown[0, 4]
    assert not grown[0, 0]


def test_missing_samples_and_unknown_partitions():
    weights, quantized, _ = sample()
    frozen, count = weights.isnan(), torch.tensor([1] * 4)
    for partition in ("random", "rpr"):
        with pytest.raises(InputError, match="needs `uniform`"):
            freeze(weights, quantized, frozen, count, partition)
    with pytest.raises(UnknownNameError, match="did you mean `magnitude`"):
        freeze(weights, quantized, frozen, count, "magnitudes")
