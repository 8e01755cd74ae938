"""Plans: what the kernels of ANA read, made of standard deviations and means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from qsched.levels.stair import Stair
from qsched.quantizers.noise import Family, noise_family

__all__ = ["Plan", "backward_plan", "centers", "forward_plan"]

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

    Raises:
        UnknownNameError: no noise family of this name.

    >>> from qsched.quantizers import stair
    >>> std = torch.tensor([[0.5, 0.0]])  # a lane, two quantizers
    >>> plan = forward_plan(std, None, stair=stair("ternary"), family="normal")
    >>> plan.rows.shape, plan[0, 1].rows.shape
    (torch.Size([4, 1, 2]), torch.Size([4]))
    """
    kind = noise_family(family)
    middles = centers(torch.zeros_like(std) if mean is None else mean, stair)
    slope = (kind.width * stair.quantum * std).reciprocal()
    if positive:
        slope.clamp_(max=_STEEP)
        rows = [slope, *(-center * slope for center in middles)]
        return Plan(stair, kind, "positive", _stack(rows))
    # No noise is noise of vanishing width whose mass lies below its mean: the steepest slope that
    # can be written, shifted so that at the threshold itself the sigmoid has reached its end.
    # (What differs from a threshold by less than 1e-36 counts as equal.)
    largest = 2.0 ** (math.frexp(torch.finfo(std.dtype).max)[1] - 1)
    slope.clamp_(max=largest)
    shift = (std == 0).to(std.dtype) * kind.reach
    rows = [slope, shift, *middles]
    return Plan(stair, kind, "zeros", _stack(rows))


def backward_plan(std: Tensor, mean: Tensor | None, *, stair: Stair, family: str) -> Plan:
    """Return the plan of a backward pass; a standard deviation of 0 is that of the gradient 0.

    Args:
        std, mean, stair, family: as of :func:`forward_plan`.

    Raises:
        UnknownNameError: no noise family of this name.
    """
    kind = noise_family(family)
    middles = centers(torch.zeros_like(std) if mean is None else mean, stair)
    some = (std > 0).to(std.dtype)
    safe = std + (1 - some)
    if family == "uniform" and stair.even:
        width = kind.width * safe
        whole = width.round()
        touching = (width - whole).abs() < _TOUCHING * whole
        width = torch.where(touching, whole, width)
        reach = width * (stair.quantum / 2)
        height = (stair.jumps[0] / width).clamp_(max=_STEEP)
        rows = [some * height, middles[0] - reach, width]
        return Plan(stair, kind, "windows", _stack(rows))
    slope = (kind.width * stair.quantum * safe).reciprocal().clamp_(max=_STEEP)
    rows = [slope, some * slope * (kind.norm * stair.quantum)]
    rows += [-center * slope for center in middles]
    return Plan(stair, kind, "bumps", _stack(rows))


def centers(mean: Tensor, stair: Stair) -> list[Tensor]:
    """Return where the smoothed stair has its inflections, in units of the input.

    >>> from qsched.quantizers import stair
    >>> centers(torch.tensor(0.25), stair("binary"))
    [tensor(0.2500)]
    """
    base = mean if stair.quantum == 1 else mean * stair.quantum
    return [base + edge for edge in stair.edges]


def _stack(rows: list[Tensor]) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*rows))  # type: ignore[no-untyped-call]
