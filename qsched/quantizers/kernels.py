"""The pure functions of ANA, without autograd: closed forms, in few passes over memory.

They read *plans* (:mod:`qsched.quantizers.plans`): small tensors made of standard deviations and
means. Plans of many quantizers and lanes can be made in one call and indexed later
(``plan[q, lanes]``); the functions write into ``out``, so that groups of lanes with different
noise can fill one tensor slice by slice.

Passes are in-place or into given memory, compare floats in place (several times faster than into
booleans on a CPU) and avoid operations that PyTorch does not vectorize when one operand is
broadcast (``addcmul``, ``clamp`` by tensors, ``where``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate, chain, pairwise, repeat
from typing import Any, Literal

import torch
from torch import Tensor

from qsched.errors import InputError, UnknownNameError
from qsched.levels.stair import Stair
from qsched.quantizers.plans import Plan, centers

__all__ = ["Forward", "ana_backward", "ana_forward", "hard"]

Forward = Literal["expectation", "mode", "random"]


def hard(
    x: Tensor, stair: Stair, mean: Tensor | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the stair function of ``x - mean``, exact, with H(0) = 1.

    Nothing is differentiated: the derivative is 0 wherever there is one.

    Args:
        x: input, of any shape; NaN yields NaN.
        stair: levels, thresholds, quantum.
        mean: shift of the thresholds, in quanta, broadcast to ``x``; None is 0.
        out: where to write, of the shape of ``x``; must not overlap it.

    >>> from qsched.quantizers import stair
    >>> hard(torch.tensor([-0.6, -0.5, 0.4, 0.5, float("nan")]), stair("ternary")).tolist()
    [-1.0, 0.0, 0.0, 1.0, nan]
    """
    x = x.detach()
    out = torch.empty_like(x) if out is None else out
    step = torch.empty_like(out)
    torch.clamp(x, stair.levels[0], stair.levels[0], out=out)  # the lowest level, or NaN
    edges: Iterable[Any] = stair.edges if mean is None else centers(mean, stair)
    for edge, jump in zip(edges, stair.jumps, strict=True):
        torch.ge(x, edge, out=step)
        out.add_(step, alpha=jump)
    return _in_quanta(out, stair)


def ana_forward(
    x: Tensor,
    plan: Plan,
    *,
    forward: Forward,
    uniform: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Return the output of a forward pass in training.

    Args:
        x: input, of any shape; NaN yields NaN.
        plan: of ``forward_plan``, indexed so that its elements broadcast to ``x``.
        forward: ``expectation``, ``mode`` or ``random``.
        uniform: for ``random``: samples in [0, 1), of the shape of ``x``.
        out: where to write, of the shape of ``x``; must not overlap ``x``.

    Raises:
        UnknownNameError: no forward mode of this name.
        InputError: ``random`` without ``uniform``.

    >>> from qsched.quantizers import forward_plan, stair
    >>> plan = forward_plan(torch.tensor(0.5), None, stair=stair("ternary"), family="uniform")
    >>> x = torch.tensor([-2.0, 0.0, 0.5])
    >>> ana_forward(x, plan, forward="expectation").tolist()
    [-1.0, 0.0, 0.5]
    """
    out = torch.empty_like(x) if out is None else out
    match forward:
        case "expectation":
            _expectation(x, plan, out)
        case "mode":
            _mode(x, plan, out)
        case "random":
            if uniform is None:
                raise InputError("a random forward pass needs `uniform`: samples in [0, 1)")
            _random(x, plan, uniform, out)
        case _:
            raise UnknownNameError("forward", forward, ("expectation", "mode", "random"))
    return _in_quanta(out, plan.stair)


def ana_backward(grad: Tensor, x: Tensor, plan: Plan, *, out: Tensor | None = None) -> Tensor:
    """Return ``grad`` times the derivative of the smoothed stair function at ``x``.

    Args:
        grad: gradient of the output, of the shape of ``x``.
        x: input of the forward pass; NaN yields NaN.
        plan: of ``backward_plan``, indexed so that its elements broadcast to ``x``; where its
            standard deviation is 0, so is the gradient.
        out: where to write, of the shape of ``x``; must overlap neither ``x`` nor ``grad``.

    >>> from qsched.quantizers import backward_plan, stair
    >>> std = torch.tensor(12**-0.5)  # one quantum wide: the straight-through estimator
    >>> plan = backward_plan(std, None, stair=stair("ternary"), family="uniform")
    >>> ana_backward(torch.ones(3), torch.tensor([-2.0, 0.0, 0.5]), plan).tolist()
    [0.0, 1.0, 1.0]
    """
    out = torch.empty_like(x) if out is None else out
    if plan.kind == "windows":
        _windows(x, plan, out)
    else:
        _bumps(x, plan, out)
    return out.mul_(grad)


def _in_quanta(out: Tensor, stair: Stair) -> Tensor:
    # Levels are summed in quanta, where they are exact, and scaled once.
    return out if stair.quantum == 1 else out.mul_(stair.quantum)


def _sigmoids(x: Tensor, plan: Plan, memory: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield F(z_i) - 1/2 for every threshold, each in the next piece of ``memory``."""
    slope, *rows = plan.rows.unbind(0)
    if plan.kind == "positive":
        scaled = x * slope
        for offset, out in zip(rows, memory, strict=False):
            yield plan.family.sigmoid(torch.add(scaled, offset, out=out))
    else:
        shift, *centers = rows
        for center, out in zip(centers, memory, strict=False):
            torch.sub(x, center, out=out).mul_(slope).add_(shift)
            yield plan.family.sigmoid(out)


def _expectation(x: Tensor, plan: Plan, out: Tensor) -> None:
    stair = plan.stair
    memory = chain([out], repeat(torch.empty_like(out)))
    for i, (s, jump) in enumerate(zip(_sigmoids(x, plan, memory), stair.jumps, strict=True)):
        if i > 0:
            out.add_(s, alpha=jump)
        elif jump != 1:
            out.mul_(jump)
    if stair.center:
        out.add_(stair.center)


def _random(x: Tensor, plan: Plan, uniform: Tensor, out: Tensor) -> None:
    # Level i or higher has probability F(z_i), which decreases with i: u < F(z_i) inverts the
    # distribution without ties, u = 0 and u -> 1 included.
    stair = plan.stair
    cut = uniform - 0.5
    torch.clamp(x, stair.levels[0], stair.levels[0], out=out)
    memory = repeat(torch.empty_like(out))
    for s, jump in zip(_sigmoids(x, plan, memory), stair.jumps, strict=True):
        out.add_(s.gt_(cut), alpha=jump)


def _mode(x: Tensor, plan: Plan, out: Tensor) -> None:
    # The highest of the most probable levels is i or more exactly where one of those is at least
    # as probable as every level below i. Ties go up, as H(0) = 1 wants; a bonus for each level
    # makes that survive rounding.
    stair = plan.stair
    bonus = 8 * torch.finfo(x.dtype).eps
    tails = list(_sigmoids(x, plan, [torch.empty_like(out) for _ in stair.thresholds]))
    below = tails[0].neg().add_(0.5)
    for i, (low, high) in enumerate(pairwise(tails), start=1):
        low.sub_(high).add_(i * bonus)
    tails[-1].add_(0.5 + len(tails) * bonus)
    above = list(accumulate(reversed(tails), torch.maximum))[::-1]
    step = torch.empty_like(out)
    torch.clamp(x, stair.levels[0], stair.levels[0], out=out)
    for level, high, jump in zip(tails, above, stair.jumps, strict=True):
        out.add_(torch.ge(high, below, out=step), alpha=jump)
        torch.maximum(below, level, out=below)


def _windows(x: Tensor, plan: Plan, out: Tensor) -> None:
    # Uniform noise on an even stair: the derivative counts the thresholds within half a width of
    # x, that is those below x + half less those below x - half. The second distance is made of
    # the first: so rounding moves both alike, and touching windows never overlap.
    factor, low, width = plan.rows.unbind(0)
    stair = plan.stair
    last = len(stair.thresholds) - 1
    torch.sub(x, low, out=out)
    if stair.quantum != 1:
        out.div_(stair.quantum)
    passed = out - width
    for distance in (out, passed):
        distance.floor_().clamp_(-1, last)
    out.sub_(passed).mul_(factor)


def _bumps(x: Tensor, plan: Plan, out: Tensor) -> None:
    slope, factor, *offsets = plan.rows.unbind(0)
    scaled = x * slope
    memory = chain([out], repeat(torch.empty_like(out)))
    for i, (offset, jump, w) in enumerate(zip(offsets, plan.stair.jumps, memory, strict=False)):
        plan.family.bump(torch.add(scaled, offset, out=w))
        if i > 0:
            out.add_(w, alpha=jump)
        elif jump != 1:
            out.mul_(jump)
    out.mul_(factor)
