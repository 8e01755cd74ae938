"""The pure functions of ANA, without autograd: closed forms, in few passes over memory.

They read *plans*: small tensors made of standard deviations and means. Plans of many quantizers
and lanes can be made in one call and indexed later (``plan[q, lanes]``); the functions write into
``out``, so that groups of lanes with different noise can fill one tensor slice by slice.

Passes are in-place or into given memory, compare floats in place (several times faster than into
booleans on a CPU) and avoid operations that PyTorch does not vectorize when one operand is
broadcast (``addcmul``, ``clamp`` by tensors, ``where``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise, repeat
from typing import Any, Literal

import torch
from torch import Tensor

from qsched.errors import InputError, UnknownNameError
from qsched.quantizers.noise import Family, noise_family
from qsched.quantizers.stair import Stair

__all__ = [
    "Forward",
    "Plan",
    "ana_backward",
    "ana_forward",
    "backward_plan",
    "forward_plan",
    "hard",
]

Forward = Literal["expectation", "mode", "random"]

_TOUCHING = 1e-6
"""Windows nearer than this, in quanta, touch: rounding must not make them overlap."""

_STEEP = 2.0**100
"""Steepest slope of the affine form, whose products must stay finite."""


@dataclass(frozen=True)
class Plan:
    """Coefficients of one pass of ANA, for every element of the ``std`` it was made of.

    Attributes:
        stair: the stair function.
        family: the noise.
        kind: which form the rows are for.
        rows: coefficients first, then the axes of ``std`` and ``mean``, broadcast.
    """

    stair: Stair
    family: Family
    kind: Literal["zeros", "positive", "bumps", "windows"]
    rows: Tensor

    def __getitem__(self, index: Any) -> Plan:
        """Return the plan of some elements: ``index`` counts from the first axis of ``std``."""
        inner = index if isinstance(index, tuple) else (index,)
        return Plan(self.stair, self.family, self.kind, self.rows[(slice(None), *inner)])


def hard(
    x: Tensor, stair: Stair, mean: Tensor | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the stair function of ``x - mean``, exact, with H(0) = 1.

    Args:
        x: input, of any shape; NaN yields NaN.
        stair: levels, thresholds, quantum.
        mean: shift of the thresholds, in quanta, broadcast to ``x``; None is 0.
        out: where to write, of the shape of ``x``; must not overlap it.

    Nothing is differentiated: the derivative is 0 wherever there is one.

    >>> from qsched.quantizers import stair
    >>> hard(torch.tensor([-0.6, -0.5, 0.4, 0.5, float("nan")]), stair("ternary")).tolist()
    [-1.0, 0.0, 0.0, 1.0, nan]
    """
    x = x.detach()
    out = torch.empty_like(x) if out is None else out
    step = torch.empty_like(out)
    torch.clamp(x, stair.levels[0], stair.levels[0], out=out)  # the lowest level, or NaN
    edges: Iterable[Any] = stair.edges if mean is None else _centers(mean, stair)
    for edge, jump in zip(edges, stair.jumps, strict=True):
        torch.ge(x, edge, out=step)
        out.add_(step, alpha=jump)
    return _in_quanta(out, stair)


def forward_plan(
    std: Tensor, mean: Tensor | None, *, stair: Stair, family: str, positive: bool = False
) -> Plan:
    """Return the plan of a forward pass.

    Args:
        std: true standard deviation in quanta, >= 0; any shape whose elements broadcast to the
            input once indexed.
        mean: mean of the noise in quanta, of a shape that broadcasts with ``std``; None is 0.
        stair: levels, thresholds, quantum.
        family: name of the noise family.
        positive: the caller's word that ``std`` is 0 nowhere, which saves passes.
    """
    kind = noise_family(family)
    centers = _centers(torch.zeros_like(std) if mean is None else mean, stair)
    slope = (kind.width * stair.quantum * std).reciprocal()
    if positive:
        slope.clamp_(max=_STEEP)
        rows = [slope, *(-center * slope for center in centers)]
        return Plan(stair, kind, "positive", _stack(rows))
    # No noise is noise of vanishing width whose mass lies below its mean: the steepest slope that
    # can be written, shifted so that at the threshold itself the sigmoid has reached its end.
    # (What differs from a threshold by less than 1e-36 counts as equal.)
    largest = 2.0 ** (math.frexp(torch.finfo(std.dtype).max)[1] - 1)
    slope.clamp_(max=largest)
    shift = (std == 0).to(std.dtype) * kind.reach
    rows = [slope, shift, *centers]
    return Plan(stair, kind, "zeros", _stack(rows))


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
        x: input.
        plan: of :func:`forward_plan`, indexed so that its elements broadcast to ``x``.
        forward: ``expectation``, ``mode`` or ``random``.
        uniform: for ``random``: samples in [0, 1), of the shape of ``x``.
        out: where to write, of the shape of ``x``; must not overlap ``x``.

    Raises:
        UnknownNameError: no forward mode of this name.
        InputError: ``random`` without ``uniform``.
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


def backward_plan(std: Tensor, mean: Tensor | None, *, stair: Stair, family: str) -> Plan:
    """Return the plan of a backward pass; arguments as of :func:`forward_plan`."""
    kind = noise_family(family)
    centers = _centers(torch.zeros_like(std) if mean is None else mean, stair)
    some = (std > 0).to(std.dtype)
    safe = std + (1 - some)
    if family == "uniform" and stair.even:
        width = kind.width * safe
        whole = width.round()
        touching = (width - whole).abs() < _TOUCHING * whole
        width = torch.where(touching, whole, width)
        reach = width * (stair.quantum / 2)
        height = (stair.jumps[0] / width).clamp_(max=_STEEP)
        rows = [some * height, centers[0] - reach, centers[0] + reach]
        return Plan(stair, kind, "windows", _stack(rows))
    slope = (kind.width * stair.quantum * safe).reciprocal().clamp_(max=_STEEP)
    rows = [slope, some * slope * (kind.norm * stair.quantum)]
    rows += [-center * slope for center in centers]
    return Plan(stair, kind, "bumps", _stack(rows))


def ana_backward(grad: Tensor, x: Tensor, plan: Plan, *, out: Tensor | None = None) -> Tensor:
    """Return ``grad`` times the derivative of the smoothed stair function at ``x``.

    Args:
        grad: gradient of the output, of the shape of ``x``.
        x: input of the forward pass.
        plan: of :func:`backward_plan`, indexed so that its elements broadcast to ``x``.
        out: where to write, of the shape of ``x``; must overlap neither ``x`` nor ``grad``.
    """
    out = torch.empty_like(x) if out is None else out
    if plan.kind == "windows":
        _windows(x, plan, out)
    else:
        _bumps(x, plan, out)
    return out.mul_(grad)


def _centers(mean: Tensor, stair: Stair) -> list[Tensor]:
    """Return where the smoothed stair has its inflections, in units of the input."""
    base = mean if stair.quantum == 1 else mean * stair.quantum
    return [base + edge for edge in stair.edges]


def _stack(rows: list[Tensor]) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*rows))  # type: ignore[no-untyped-call]


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
    # x, that is those below x + half less those below x - half.
    factor, low, high = plan.rows.unbind(0)
    stair = plan.stair
    last = len(stair.thresholds) - 1
    passed = x - high
    torch.sub(x, low, out=out)
    for distance in (out, passed):
        if stair.quantum != 1:
            distance.div_(stair.quantum)
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
