import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qsched.errors import InputError, UnknownNameError
from qsched.quantizers import (
    Stair,
    ana,
    ana_backward,
    ana_forward,
    backward_plan,
    forward_plan,
    hard,
    stair,
)
from qsched.testing.reference import FAMILIES, plain_hard, probabilities
from tests.quantizers.stairs import STAIRS

FORWARDS = ("expectation", "mode", "random")
every_stair = pytest.mark.parametrize("name", STAIRS)
every_family = pytest.mark.parametrize("family", FAMILIES)
every_forward = pytest.mark.parametrize("forward", FORWARDS)


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def expectation(x, std, mean, name, family):
    std = torch.as_tensor(std, dtype=x.dtype)
    mean = None if mean is None else torch.as_tensor(mean, dtype=x.dtype)
    return ana(x, std, mean, std, stair=STAIRS[name], family=family, forward="expectation")


@every_family
@every_stair
def test_gradcheck(name, family):
    x = (torch.randn(5, 4, generator=torch.Generator().manual_seed(0))).double()
    x = x.mul(1.3).add(0.00317).requires_grad_()
    std, mean = double(0.15, 0.3, 0.6, 1.1), double(0.0, -0.2, 0.1, 0.4)
    assert torch.autograd.gradcheck(
        lambda v: expectation(v, std, mean, name, family), x, eps=1e-7, atol=1e-5
    )


@every_forward
@every_family
@every_stair
def test_a_mean_shifts_the_input(name, family, forward):
    s = STAIRS[name]
    x = torch.linspace(-3, 3, 83, dtype=torch.float64) + 0.0123
    u = torch.rand(83, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    std, mean = double(0.3)[0], double(-0.37)[0]

    def call(v, mu):
        v = v.clone().requires_grad_()
        y = ana(v, std, mu, std, stair=s, family=family, forward=forward, uniform=u)
        y.sum().backward()
        return y.detach(), v.grad

    torch.testing.assert_close(call(x, mean), call(x - mean * s.quantum, None))


@every_family
@every_stair
def test_mode_is_the_most_probable_level(name, family):
    s = STAIRS[name]
    x = np.linspace(-3, 3, 997) + 1e-4
    for std in (0.1, 0.4, 0.8, 2.0):
        p = probabilities(x, s, family, std)
        # Wide uniform noise makes many levels equally probable: the highest of them is wanted.
        likely = p >= p.max(axis=-1, keepdims=True) - 1e-12
        best = p.shape[1] - 1 - likely[:, ::-1].argmax(axis=1)
        plan = forward_plan(double(std)[0], None, stair=s, family=family)
        ours = ana_forward(torch.from_numpy(x), plan, forward="mode")
        np.testing.assert_allclose(ours, np.array(s.levels)[best] * s.quantum, atol=1e-12)


@every_family
@every_stair
def test_random_inverts_the_distribution(name, family):
    s = STAIRS[name]
    x, std, n = np.array([-0.8, 0.07, 0.61]), 0.35, 4001
    u = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    plan = forward_plan(double(std)[0], None, stair=s, family=family)
    grid = torch.from_numpy(x)[:, None].expand(3, n).contiguous()
    drawn = ana_forward(grid, plan, forward="random", uniform=u.expand(3, n))
    levels = torch.tensor(s.levels, dtype=torch.float64) * s.quantum
    share = ((drawn[..., None] - levels).abs() < 1e-9).double().mean(dim=1)
    np.testing.assert_allclose(share, probabilities(x, s, family, std), atol=1.01 / n)


@every_forward
@every_family
@every_stair
def test_zero_deviation_is_the_exact_stair(name, family, forward):
    """Elementwise, beside elements with noise, at thresholds and their float neighbors."""
    s = STAIRS[name]
    edges = torch.tensor(s.thresholds) * s.quantum
    near = [torch.nextafter(edges, torch.tensor(side)) for side in (-torch.inf, torch.inf)]
    near = [torch.where(v.abs() < 1e-35, v.sign() * 1e-35, v) for v in near]
    x = torch.cat([edges, *near, torch.tensor([0.0, -0.0, 3e8, -3e8, torch.inf])])
    std = torch.tensor([0.0, 0.3, 0.0])[:, None]
    u = torch.linspace(0, 1 - 2**-24, len(x)).expand(3, -1)
    plan = forward_plan(std, None, stair=s, family=family)
    y = ana_forward(x.expand(3, -1).contiguous(), plan, forward=forward, uniform=u)
    torch.testing.assert_close(y[[0, 2]], hard(x, s).expand(2, -1), rtol=0, atol=1e-6)
    plain = forward_plan(std[1], None, stair=s, family=family)
    lone = ana_forward(x, plain, forward=forward, uniform=u[0].contiguous())
    torch.testing.assert_close(y[1], lone)


@every_family
@pytest.mark.parametrize("std", [0.0, 1e-40, 1e-30, 1e-9])
def test_vanishing_noise_stays_finite(std, family):
    x = torch.tensor([-2.0, -0.6, 0.0, 0.4, 2.0])
    for positive in (False, True) if std else (False,):
        plan = forward_plan(
            torch.tensor(std), None, stair=stair("ternary"), family=family, positive=positive
        )
        y = ana_forward(x, plan, forward="expectation")
        assert y.tolist() == [-1, -1, 0, 0, 1]
    plan = backward_plan(torch.tensor(std), None, stair=stair("ternary"), family=family)
    assert ana_backward(torch.ones(5), x, plan).tolist() == [0] * 5


@every_family
@every_stair
def test_no_backward_noise_no_gradient(name, family):
    x = torch.cat([torch.linspace(-2, 2, 33), torch.tensor([torch.inf, -torch.inf])])
    std = torch.tensor([0.0, 0.3])[:, None]
    plan = backward_plan(std, None, stair=STAIRS[name], family=family)
    grad = ana_backward(torch.ones(2, 35), x.expand(2, -1).contiguous(), plan)
    assert (grad[0] == 0).all()
    assert (grad[1, :33] > 0).any()
    assert (grad[1, 33:] == 0).all()


@every_family
@every_forward
def test_exact_forward_keeps_a_usable_gradient(family, forward):
    x = torch.linspace(-0.9, 0.9, 20, requires_grad=True)
    u = torch.rand(20, generator=torch.Generator().manual_seed(0))
    s = stair("ternary")
    for std in (None, torch.tensor(0.0)):
        x.grad = None
        y = ana(
            x, std, None, torch.tensor(0.6), stair=s, family=family, forward=forward, uniform=u
        )
        y.sum().backward()
        assert torch.equal(y, hard(x, s))
        assert (x.grad > 0).all()


@every_forward
@every_family
@every_stair
def test_the_word_that_no_deviation_is_zero_changes_nothing(name, family, forward):
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(4, 100, generator=generator, dtype=torch.float64)
    u = torch.rand(4, 100, generator=generator, dtype=torch.float64)
    std = double(0.05, 0.2, 0.5, 1.5)[:, None]
    mean = double(0, 0.1, -0.5, 0.3)[:, None]
    results = [
        ana_forward(
            x,
            forward_plan(std, mean, stair=STAIRS[name], family=family, positive=positive),
            forward=forward,
            uniform=u,
        )
        for positive in (False, True)
    ]
    torch.testing.assert_close(*results)


@every_forward
@every_family
@every_stair
def test_nan_passes_through(name, family, forward):
    x = torch.tensor([0.3, torch.nan], requires_grad=True)
    for std in (None, torch.tensor(0.0), torch.tensor(0.4)):
        y = ana(
            x,
            std,
            None,
            torch.tensor(0.4),
            stair=STAIRS[name],
            family=family,
            forward=forward,
            uniform=torch.tensor([0.5, 0.5]),
        )
        assert y.isnan().tolist() == [False, True]


@every_family
def test_backward_mean_of_its_own(family):
    x = torch.linspace(-2, 2, 57, dtype=torch.float64, requires_grad=True)
    std, mean = double(0.4)[0], double(0.3)[0]
    s = stair("ternary")
    options = {"stair": s, "family": family, "forward": "expectation"}
    y = ana(x, std, None, std, backward_mean=mean, **options)
    y.sum().backward()
    plain = ana_forward(
        x.detach(), forward_plan(std, None, stair=s, family=family), forward="mode"
    )
    assert y.shape == plain.shape
    shifted = backward_plan(std, mean, stair=s, family=family)
    torch.testing.assert_close(x.grad, ana_backward(torch.ones_like(x), x.detach(), shifted))
    torch.testing.assert_close(y.detach(), expectation(x.detach(), 0.4, None, "ternary", family))


@every_family
def test_plans_of_many_quantizers_are_indexed_by_lane_and_write_into_slices(family):
    generator = torch.Generator().manual_seed(5)
    std = torch.rand(3, 6, generator=generator) + 0.05
    mean = torch.randn(3, 6, generator=generator)
    wide = torch.randn(6, 40, generator=generator)
    x, s = wide[:, 5:35], stair("2-bit")
    forward = forward_plan(std, mean, stair=s, family=family)
    backward = backward_plan(std, mean, stair=s, family=family)
    out, grads = torch.full((6, 40), 7.0), torch.full((6, 40), 7.0)
    for q, lanes in ((1, slice(0, 2)), (2, slice(2, 6))):
        ana_forward(x[lanes], forward[q, lanes, None], forward="expectation", out=out[lanes, 5:35])
        ana_backward(x[lanes], x[lanes], backward[q, lanes, None], out=grads[lanes, 5:35])
    for lane, q in enumerate((1, 1, 2, 2, 2, 2)):
        row = wide[lane, 5:35].clone().requires_grad_()
        noise = std[q, lane], mean[q, lane], std[q, lane]
        y = ana(row, *noise, stair=s, family=family, forward="expectation")
        y.backward(row.detach())
        torch.testing.assert_close(out[lane, 5:35], y.detach(), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(grads[lane, 5:35], row.grad, rtol=1e-5, atol=1e-6)
    for filled in (out, grads):
        assert (filled[:, :5] == 7).all()
        assert (filled[:, 35:] == 7).all()


@every_family
@every_forward
def test_a_lane_does_not_depend_on_its_neighbors(family, forward):
    generator = torch.Generator().manual_seed(6)
    x = torch.randn(5, 3, 8, generator=generator)
    u = torch.rand(5, 3, 8, generator=generator)
    std, mean = torch.rand(5, 1, 1, generator=generator), torch.zeros(5, 1, 1)
    std[2] = 0
    s = stair("4-bit")
    together = ana(x, std, mean, std, stair=s, family=family, forward=forward, uniform=u)
    for i in range(5):
        lane = slice(i, i + 1)
        alone = ana(
            x[lane],
            std[lane],
            mean[lane],
            std[lane],
            stair=s,
            family=family,
            forward=forward,
            uniform=u[lane],
        )
        # A vectorized sigmoid may round otherwise than the scalar one at the end of a row.
        torch.testing.assert_close(together[lane], alone, rtol=1e-6, atol=1e-6)


@given(
    x=st.floats(-4, 4, width=32).filter(lambda v: v == 0 or abs(v) > 1e-35),
    std=st.floats(0, 2, width=32),
    name=st.sampled_from(sorted(STAIRS)),
    family=st.sampled_from(FAMILIES),
    forward=st.sampled_from(FORWARDS),
    u=st.floats(0, 1, exclude_max=True, width=32),
)
def test_output_stays_on_the_stair(x, std, name, family, forward, u):
    s = STAIRS[name]
    plan = forward_plan(torch.tensor(std), None, stair=s, family=family)
    y = ana_forward(torch.tensor([x]), plan, forward=forward, uniform=torch.tensor([u])).item()
    scaled = [level * s.quantum for level in s.levels]
    if forward == "expectation":
        assert scaled[0] - 1e-5 <= y <= scaled[-1] + 1e-5
    else:
        assert min(abs(y - level) for level in scaled) < 1e-6
    if std == 0:
        assert y == pytest.approx(plain_hard(x, s), abs=1e-6)


def test_bad_names_and_missing_samples():
    x, std, s = torch.zeros(2), torch.tensor(0.3), stair("ternary")
    with pytest.raises(UnknownNameError, match="did you mean `uniform`"):
        ana(x, std, None, std, stair=s, family="unifrom", forward="mode")
    with pytest.raises(UnknownNameError, match="did you mean `expectation`"):
        ana(x, std, None, std, stair=s, family="uniform", forward="expected")
    with pytest.raises(InputError, match="needs `uniform`"):
        ana(x, std, None, std, stair=s, family="uniform", forward="random")


@every_forward
@every_family
def test_single_precision_agrees_with_double(family, forward):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(2000, generator=generator)
    u = torch.rand(2000, generator=generator)
    s = Stair((-1.0, 0.0, 1.0), (-0.5, 0.5))
    std = torch.tensor(0.25)
    results = [
        ana_forward(
            x.to(dtype),
            forward_plan(std.to(dtype), None, stair=s, family=family),
            forward=forward,
            uniform=u.to(dtype),
        ).double()
        for dtype in (torch.float32, torch.float64)
    ]
    differ = (results[0] - results[1]).abs() > 1e-5
    assert differ.double().mean() < 0.002  # a draw or a mode on the edge may flip
