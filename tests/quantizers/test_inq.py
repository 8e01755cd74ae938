from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qsched.errors import InputError, UnknownNameError
from qsched.quantizers import CODEBOOKS, codebook, hold
from qsched.quantizers.inq import Codebook, PowersOfTwo, Uniform
from qsched.testing.codebook import CodebookTestCase, rows


class TestCodebooks(CodebookTestCase):
    @pytest.fixture(params=CODEBOOKS)
    def book(self, request: pytest.FixtureRequest) -> Codebook:
        return codebook(request.param)


def exponent(s: float) -> int:
    """Return floor(log2(4 s / 3)) in exact arithmetic."""
    target, n = Fraction(s) * 4 / 3, 0
    while Fraction(2) ** n > target:
        n -= 1
    while Fraction(2) ** (n + 1) <= target:
        n += 1
    return n


def plain_power_of_two(w: float, n1: int, bits: int) -> float:
    """Return the nearest of 0 and the powers of two, by the published rule, saturating."""
    n2 = n1 + 1 - 2 ** (bits - 2)
    magnitude, alpha = Fraction(abs(w)), Fraction(0)
    for k in range(n2, n1 + 1):
        beta = Fraction(2) ** k
        if (alpha + beta) / 2 <= magnitude < 3 * beta / 2:
            return float(beta) * (1 if w > 0 else -1)
        alpha = beta
    if magnitude < Fraction(2) ** n2 / 2:
        return 0.0
    return 2.0**n1 * (1 if w > 0 else -1)


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_powers_of_two_match_the_published_rule(bits):
    book, w = PowersOfTwo(bits), rows(4, 300, dtype=torch.float64)
    scale = book.scale(w)
    quantized = book.quantize(w, scale)
    for i in range(4):
        n1 = exponent(float(w[i].abs().max()))
        assert scale[i].item() == 2.0**n1
        assert quantized[i].tolist() == [plain_power_of_two(v, n1, bits) for v in w[i].tolist()]


@given(
    s=st.floats(2.0**-100, 2.0**100, width=32),
    ratio=st.floats(-4, 4, width=32),
    bits=st.integers(2, 5),
)
def test_powers_of_two_in_exact_arithmetic(s, ratio, bits):
    book = PowersOfTwo(bits)
    scale = book.scale(torch.tensor([[s, -s / 3]]))
    assert scale.item() == 2.0 ** exponent(s)
    w = torch.tensor([[ratio]]) * scale
    expected = plain_power_of_two(w.item(), exponent(s), bits)
    assert book.quantize(w, scale).item() == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [-30, -3, -1, 0, 1, 7, 40])
def test_scale_boundary_and_its_float_neighbors(k, dtype):
    boundary = torch.tensor([[0.75 * 2.0**k]], dtype=dtype)
    below = torch.nextafter(boundary, torch.zeros_like(boundary))
    above = torch.nextafter(boundary, torch.full_like(boundary, torch.inf))
    scale = PowersOfTwo(5).scale
    assert scale(below).item() == 2.0 ** (k - 1)
    assert scale(boundary).item() == 2.0**k
    assert scale(above).item() == 2.0**k


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rounding_boundaries_and_their_float_neighbors(dtype):
    edges = torch.tensor([[2.0**-8, 0.75 * 2.0**-6, 0.375, 0.75, 1.5]], dtype=dtype)
    below = torch.nextafter(edges, torch.zeros_like(edges))
    one = torch.ones(1, 1, dtype=dtype)
    quantize = PowersOfTwo(5).quantize
    assert quantize(edges, one).tolist() == [[2.0**-7, 2.0**-6, 0.5, 1, 1]]
    assert quantize(below, one).tolist() == [[0, 2.0**-7, 0.25, 0.5, 1]]
    assert quantize(-edges, one).tolist() == [[-(2.0**-7), -(2.0**-6), -0.5, -1, -1]]


@pytest.mark.parametrize("bits", range(2, 7))
def test_every_level_of_every_bit_width_is_reached(bits):
    w = torch.linspace(-1, 1, 200_001, dtype=torch.float64)[None]
    smallest = 2.0 ** (1 - 2 ** (bits - 2))
    w = torch.cat([w, w * min(1, 2 * smallest)], dim=1)
    book = PowersOfTwo(bits)
    found = book.quantize(w, book.scale(w)).unique()
    assert len(found) == book.count == 2 ** (bits - 1) + 1
    powers = [2.0**-k for k in range(2 ** (bits - 2))]
    assert found[found > 0].tolist() == powers[::-1]


def test_ternary_scale_has_the_least_squared_error():
    w = rows(5, 40, dtype=torch.float64)
    book = codebook("ternary")
    scale = book.scale(w)
    ours = (w - book.quantize(w, scale)).square().sum(dim=1)
    for i, row in enumerate(w):
        grid = torch.linspace(0, 1, 4001, dtype=torch.float64)[:, None] * row.abs().max()
        nearest = torch.minimum(row.abs(), (row.abs() - grid).abs())
        best = nearest.square().sum(dim=1).min()
        assert ours[i] <= best * (1 + 1e-9)
    edge = scale[0, 0] / 2
    assert book.quantize(torch.stack([edge, -edge])[None], scale[:1]).tolist() == [
        [scale[0, 0], -scale[0, 0]]
    ]


def test_binary_scale_has_the_least_squared_error():
    w = rows(5, 40, dtype=torch.float64)
    book = codebook("binary")
    ours = (w - book.quantize(w, book.scale(w))).square().sum(dim=1)
    for i, row in enumerate(w):
        grid = torch.linspace(0, 1, 4001, dtype=torch.float64)[:, None] * row.abs().max()
        assert ours[i] <= (row.abs() - grid).square().sum(dim=1).min() * (1 + 1e-9)
    assert book.quantize(torch.tensor([[0.0, -0.0, -1e-30]]), torch.tensor([[2.0]])).tolist() == [
        [2, 2, -2]
    ]


@pytest.mark.parametrize("bits", [2, 4])
def test_uniform_step_is_close_to_the_least_squared_error(bits):
    w = rows(4, 200, dtype=torch.float64)
    book, half = Uniform(bits), 2 ** (bits - 1)
    scale = book.scale(w)
    quantized = book.quantize(w, scale)
    ours = (w - quantized).square().sum(dim=1)
    codes = quantized / scale
    torch.testing.assert_close(codes.round(), codes)
    assert codes.min() >= -half - 0.01
    assert codes.max() <= half - 0.99
    for i, row in enumerate(w.numpy()):
        steps = np.linspace(1e-3, 1, 3000)[:, None] * np.abs(row).max()
        rounded = np.clip(np.round(row / steps), -half, half - 1) * steps
        assert ours[i] <= ((row - rounded) ** 2).sum(axis=1).min() * 1.01


def test_bad_codebooks():
    with pytest.raises(UnknownNameError, match="did you mean `ternary`"):
        codebook("tenary")
    with pytest.raises(InputError, match="at least 2 bits"):
        PowersOfTwo(1)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.5),
    ],
)
def test_held_weights_never_move_under_an_optimizer(make):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 12, generator=generator)
    targets = torch.randn(64, 2, generator=generator)
    weights = torch.nn.Parameter(rows(2, 12))
    optimizer = make([weights])
    book = codebook("power-of-two-5")
    values = book.quantize(weights.detach(), book.scale(weights.detach()))
    frozen = torch.zeros(2, 12, dtype=torch.bool)
    for step in range(40):
        if step % 10 == 5:  # weights freeze in motion: momentum is already there
            frozen[:, step // 4 :] = True
            hold(weights, frozen, values)
        optimizer.zero_grad()
        (inputs @ weights.t() - targets).square().mean().backward()
        optimizer.step()
        drifted = not torch.equal(weights.detach()[frozen], values[frozen])
        assert drifted == bool(frozen.any())  # without help they would move
        hold(weights, frozen, values)
        assert torch.equal(weights.detach()[frozen], values[frozen])
    assert not torch.equal(weights.detach()[~frozen], rows(2, 12)[~frozen])
