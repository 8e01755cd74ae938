"""Known estimators are special cases of ANA."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from qsched.quantizers import Stair, ana, hard, stair
from qsched.testing.reference import FAMILIES
from tests.quantizers.stairs import STAIRS

STE_STD = 1 / math.sqrt(12)


def random(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("forward", ["exact", "mode"])
def test_clipped_ste_has_the_gradient_of_hardtanh(forward):
    x, weight = random(500), random(500, seed=1)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    std = torch.tensor(STE_STD)
    y = ana(
        ours,
        None if forward == "exact" else std,
        None,
        std,
        stair=stair("ternary"),
        family="uniform",
        forward="mode",
    )
    (y * weight).sum().backward()
    (F.hardtanh(theirs) * weight).sum().backward()
    assert torch.equal(ours.grad, theirs.grad)
    assert torch.equal(y, hard(x, stair("ternary")))


@pytest.mark.parametrize("name", ["ternary", "2-bit", "4-bit", "power-of-two-3"])
def test_uniform_expectation_of_one_quantum_is_a_clip(name):
    s = STAIRS[name]
    x = random(400, dtype=torch.float64) * 2
    std = torch.tensor(STE_STD, dtype=torch.float64)
    y = ana(x, std, None, std, stair=s, family="uniform", forward="expectation")
    low, high = s.levels[0] * s.quantum, s.levels[-1] * s.quantum
    torch.testing.assert_close(y, x.clamp(low, high))


def test_unclipped_ste_is_the_limit_of_many_levels():
    n = 40
    s = Stair(tuple(range(-n, n + 1)), tuple(k + 0.5 for k in range(-n, n)))
    x = (random(300, dtype=torch.float64) * 8).requires_grad_()
    std = torch.tensor(STE_STD, dtype=torch.float64)
    y = ana(x, std, None, std, stair=s, family="uniform", forward="expectation")
    y.sum().backward()
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(x.grad, torch.ones_like(x))


@pytest.mark.parametrize("family", FAMILIES)
def test_static_stochastic_quantization_is_right_on_average(family):
    s, n = stair("ternary"), 40_000
    x = torch.tensor([-1.2, -0.45, 0.0, 0.2, 0.55, 0.9])[:, None]
    std = torch.tensor(0.3)
    u = torch.rand(len(x), n, generator=torch.Generator().manual_seed(11))
    options = {"stair": s, "family": family}
    drawn = ana(x.expand(-1, n), std, None, std, forward="random", uniform=u, **options)
    expected = ana(x, std, None, std, forward="expectation", **options)
    error = drawn.std(dim=1, keepdim=True) / math.sqrt(n)
    assert ((drawn.mean(dim=1, keepdim=True) - expected).abs() <= 4 * error + 1e-6).all()
    assert set(drawn.unique().tolist()) == {-1.0, 0.0, 1.0}


def test_the_two_thousand_nineteen_form_is_ste_behind_an_annealed_forward_pass():
    x = random(200, dtype=torch.float64).requires_grad_()
    forward_std = torch.tensor(0.1, dtype=torch.float64)
    backward_std = torch.tensor(STE_STD, dtype=torch.float64)
    y = ana(
        x, forward_std, None, backward_std,
        stair=stair("ternary"), family="uniform", forward="expectation",
    )  # fmt: skip
    y.sum().backward()
    half = math.sqrt(3) * 0.1
    slopes = [np.clip((x.detach().numpy() - t) / (2 * half) + 0.5, 0, 1) for t in (-0.5, 0.5)]
    np.testing.assert_allclose(y.detach().numpy(), -1 + sum(slopes), atol=1e-12)
    torch.testing.assert_close(x.grad, (x.detach().abs() < 1).double())
