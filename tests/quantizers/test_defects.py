"""One test for each known defect of public implementations of ANA and INQ: none is inherited.

ANA: quantlib and quantlab (PULP platform). INQ: the authors' Caffe code, Mxbonn/INQ-pytorch,
quantlib.
"""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch

from qsched.levels import frozen_count
from qsched.quantizers import (
    ana,
    ana_backward,
    ana_forward,
    backward_plan,
    codebook,
    forward_plan,
    freeze,
    hard,
    hold,
    stair,
)
from qsched.quantizers.inq import PowersOfTwo
from qsched.quantizers.noise import cdf
from qsched.testing.reference import FAMILIES
from tests.quantizers.stairs import STAIRS

every_family = pytest.mark.parametrize("family", FAMILIES)


def forward_of(x, std, family, forward, uniform=None, name="ternary"):
    plan = forward_plan(torch.tensor(std), None, stair=STAIRS[name], family=family)
    return ana_forward(x, plan, forward=forward, uniform=uniform)


# ANA -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("std", [0.05, 0.15, 12**-0.5])
@pytest.mark.parametrize("name", ["ternary", "binary", "2-bit", "4-bit", "power-of-two-3"])
@every_family
def test_defect_mode_tie_picks_lower_level(name, family, std):
    s = stair(name, quantum=1)
    plan = forward_plan(torch.tensor(std), None, stair=s, family=family)
    modes = ana_forward(torch.tensor(s.thresholds), plan, forward="mode").tolist()
    # Between inner levels a threshold is a tie. Below the lowest threshold the lowest level also
    # collects the tail of the noise, so it may win honestly where that tail is long.
    tail = 1 - cdf(torch.tensor([1.0], dtype=torch.float64), std, family).item()
    first = 0 if tail < 1e-6 or len(s.levels) == 2 else 1
    assert modes[first:] == list(s.levels[1 + first :])


def test_defect_mode_tie_of_wide_noise():
    # Both ends of the ternary stair are the mode at 0 under wide noise; the middle one never is.
    x = torch.tensor([-1e-3, 0.0, 1e-3])
    assert forward_of(x, 2.0, "uniform", "mode").tolist() == [-1, 1, 1]


@every_family
@pytest.mark.parametrize("std", [0.0, 0.1, 12**-0.5])
def test_defect_random_counts_ties_twice_at_zero(family, std):
    """u = 0 beside levels of probability 0 must stay on the stair."""
    x = torch.tensor([-3.0, -1.2, 0.0, 1.2, 3.0])
    for name, s in STAIRS.items():
        y = forward_of(x, std, family, "random", torch.zeros(5), name)
        levels = torch.tensor(s.levels) * s.quantum
        assert ((y[:, None] - levels).abs().amin(dim=1) < 1e-6).all()
        # u = 0 is the least noise: no level below the stair's own is drawn.
        assert (y >= hard(x, s) - 1e-6).all()


@every_family
def test_defect_random_returns_lowest_level_as_u_tends_to_one(family):
    x = torch.tensor([-3.0, -0.2, 0.2, 3.0, 30.0])
    last = torch.full((5,), 1 - 2.0**-24)
    y = forward_of(x, 0.1, family, "random", last)
    assert y[3:].tolist() == [1, 1]
    assert (y <= hard(x, stair("ternary"))).all()
    assert forward_of(x, 0.0, family, "random", last).tolist() == [-1, 0, 0, 1, 1]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_defect_uniform_density_is_closed_on_both_sides(dtype):
    """Clipped STE at exact zeros: the gradient is 1, not 2, however 1 / sqrt 12 is rounded."""
    std = torch.tensor(12**-0.5, dtype=dtype)
    tiny = torch.tensor(torch.inf, dtype=dtype)
    for value in (torch.nextafter(std, -tiny), std, torch.nextafter(std, tiny)):
        for name in ("ternary", "2-bit", "4-bit", "power-of-two-3"):
            s = stair(name, quantum=1)
            middles = [(low + high) / 2 for low, high in pairwise(s.thresholds)]
            x = torch.tensor(middles, dtype=dtype)
            plan = backward_plan(value, None, stair=s, family="uniform")
            assert ana_backward(torch.ones_like(x), x, plan).tolist() == [1.0] * len(middles)


def test_defect_uniform_density_is_closed_on_uneven_stairs():
    s = STAIRS["uneven"]
    std = torch.tensor(0.875 / 12**0.5, dtype=torch.float64)  # windows of two thresholds touch
    x = torch.tensor([(-0.75 + 0.125) / 2 * s.quantum], dtype=torch.float64)
    plan = backward_plan(std, None, stair=s, family="uniform")
    slope = ana_backward(torch.ones_like(x), x, plan).item()
    assert min(abs(slope - jump / 0.875) for jump in s.jumps[:2]) < 1e-9


@every_family
@pytest.mark.parametrize("forward", ["expectation", "mode", "random"])
def test_defect_noise_is_computed_on_another_device(family, forward):
    """No value is read back: the whole of ANA runs on tensors that have none."""
    x = torch.empty(4, 3, 5, device="meta", requires_grad=True)
    std = torch.empty(4, 1, 1, device="meta")
    u = torch.empty(4, 3, 5, device="meta")
    for s in STAIRS.values():
        y = ana(x, std, std, std, stair=s, family=family, forward=forward, uniform=u)
        y.sum().backward()
        assert x.grad.shape == x.shape


@every_family
def test_defect_parameter_is_not_the_standard_deviation(family):
    """The same number means the same spread in every family."""
    z = torch.linspace(-12, 12, 480_001, dtype=torch.float64)
    mass = cdf(z, 0.8, family).diff()
    middle = (z[1:] + z[:-1]) / 2
    variance = (mass * middle.square()).sum().item()
    assert math.sqrt(variance) == pytest.approx(0.8, abs=1e-4)


# INQ -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", range(-40, 41, 5))
def test_defect_rounded_logarithm_flips_the_exponent(k):
    boundary = torch.tensor([[0.75 * 2.0**k]])
    below = torch.nextafter(boundary, torch.zeros(1, 1))
    assert PowersOfTwo(5).scale(boundary).item() == 2.0**k
    assert PowersOfTwo(5).scale(below).item() == 2.0 ** (k - 1)


def test_defect_outgrown_weight_becomes_zero():
    outgrown = torch.tensor([[1.4999, 1.5, 1.6, 50.0, -1.5, -1e30, torch.inf]])
    for bits in (2, 3, 5):
        levels = PowersOfTwo(bits).quantize(outgrown, torch.ones(1, 1))
        assert levels.tolist() == [[1, 1, 1, 1, -1, -1, 1]]


def test_defect_codebook_is_refitted_at_every_stage():
    book = codebook("power-of-two-5")
    w = torch.tensor([[0.9, 0.3, -0.2]])
    scale = book.scale(w)
    grown = torch.tensor([[0.9, 0.3, -40.0]])
    assert book.quantize(grown, scale)[0, :2].tolist() == book.quantize(w, scale)[0, :2].tolist()
    assert book.quantize(grown, scale)[0, 2] == -scale.item()


@pytest.mark.parametrize("bits", range(2, 8))
def test_defect_exponent_range_is_empty_or_short(bits):
    book = PowersOfTwo(bits)
    magnitudes = torch.tensor([[2.0**-k for k in range(2 ** (bits - 2) + 3)]], dtype=torch.float64)
    kept = book.quantize(magnitudes, torch.ones(1, 1, dtype=torch.float64)).unique()
    assert len(kept[kept > 0]) == 2 ** (bits - 2)
    assert 2 * len(kept[kept > 0]) + 1 == book.count


@pytest.mark.parametrize(
    "name, count",
    [
        ("ternary", 3),
        ("binary", 2),
        ("2-bit", 4),
        ("4-bit", 16),
        ("power-of-two-3", 5),
        ("power-of-two-5", 17),
    ],
)
def test_defect_number_of_levels_is_not_passed_on(name, count):
    w = torch.randn(1, 20_000, generator=torch.Generator().manual_seed(0))
    book = codebook(name)
    assert book.count == count
    assert len(book.quantize(w, book.scale(w)).unique()) == count


def test_defect_frozen_weights_are_not_powers_of_two():
    w = torch.randn(3, 5000, generator=torch.Generator().manual_seed(0)) * 0.037
    book = codebook("power-of-two-5")
    levels = book.quantize(w, book.scale(w))
    mantissas, _ = torch.frexp(levels[levels != 0].abs())
    assert (mantissas == 0.5).all()


def test_defect_smallest_weights_are_frozen_first():
    w = torch.tensor([[0.1, -0.9, 0.5, 0.2]])
    frozen = freeze(
        w, w.round(), torch.zeros(1, 4, dtype=torch.bool), torch.tensor([2]), "magnitude"
    )
    assert frozen.tolist() == [[False, True, True, False]]


def test_defect_frozen_weight_is_released_when_others_outgrow_it():
    w = torch.tensor([[0.9, 0.5, 0.1, 0.2]])
    frozen = torch.tensor([[True, False, False, False]])
    grown = torch.tensor([[0.9, 5.0, 4.0, 3.0]])
    assert freeze(grown, w, frozen, torch.tensor([2]), "magnitude")[0].tolist() == [
        True, True, False, False,
    ]  # fmt: skip


def test_defect_random_partition_takes_the_first_in_memory():
    n, rows = 200, 400
    uniform = torch.rand(rows, n, generator=torch.Generator().manual_seed(0))
    frozen = torch.zeros(rows, n, dtype=torch.bool)
    chosen = freeze(
        torch.ones(rows, n),
        torch.ones(rows, n),
        frozen,
        torch.full((rows,), 50),
        "random",
        uniform,
    )
    share = chosen.double().mean(dim=0)
    assert (share - 0.25).abs().max() < 5 * math.sqrt(0.25 * 0.75 / rows)


def test_defect_writing_to_non_contiguous_weights_does_nothing():
    parameter = torch.nn.Parameter(torch.randn(6, 4).t())
    assert not parameter.is_contiguous()
    frozen = torch.eye(4, 6, dtype=torch.bool)
    hold(parameter, frozen, torch.full((4, 6), 0.25))
    assert (parameter[frozen] == 0.25).all()


@pytest.mark.parametrize("n", [1, 3, 7, 10, 48, 9999])
def test_defect_fraction_is_truncated(n):
    stages = np.array([0.3, 0.7, 0.9375, 0.96875, 1.0])
    counts = frozen_count(stages, n)
    half = Fraction(1, 2)
    decimals = [Fraction(str(f)) for f in stages.tolist()]
    assert counts.tolist() == [math.floor(f * n + half) for f in decimals]
    assert counts[-1] == n
    assert frozen_count(np.array(0.29), 100) == 29  # int(0.29 * 100) = 28


@pytest.mark.parametrize("partition", ["magnitude", "smallest", "error", "random", "rpr"])
def test_defect_last_stage_leaves_weights_in_full_precision(partition):
    w = torch.randn(3, 101, generator=torch.Generator().manual_seed(0))
    book = codebook("power-of-two-3")
    values = book.quantize(w, book.scale(w))
    count = torch.from_numpy(frozen_count(np.ones(3), 101))
    frozen = freeze(w, values, torch.zeros_like(w, dtype=torch.bool), count, partition, w.abs())
    hold(w, frozen, values)
    assert torch.equal(w, values)
