"""Which weights INQ freezes next."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from qsched.errors import InputError, UnknownNameError
from qsched.schedules import Partition

__all__ = ["freeze"]


def freeze(
    weights: Tensor,
    quantized: Tensor,
    frozen: Tensor,
    count: Tensor,
    partition: Partition,
    uniform: Tensor | None = None,
) -> Tensor:
    """Return the frozen set grown to ``count`` weights a row.

    Frozen weights stay frozen, except with ``rpr``, which draws a new set each time; a count below
    what is frozen already changes nothing. Equal weights are frozen in their order in the row.

    Args:
        weights: [R, n]; contiguous or not. NaN comes last.
        quantized: their quantized values, [R, n].
        frozen: which are frozen now: bool [R, n].
        count: how many are to be frozen: integers [R] in [0, n].
        partition: ``magnitude`` (largest first), ``smallest`` (magnitude first), ``error``
            (smallest quantization error first), ``random`` (all free weights alike), or ``rpr``
            (all weights alike).
        uniform: for ``random`` and ``rpr``: independent samples in [0, 1), [R, n].

    Returns:
        bool [R, n].

    Raises:
        UnknownNameError: no partition of this name.
        InputError: ``random`` or ``rpr`` without ``uniform``.

    References:
        Zhou et al., ICLR 2017, arXiv:1702.03044 (``random``, ``magnitude``); Cavigelli and Benini,
        Random partition relaxation, 2020, arXiv:2001.01091 (``rpr``).

    >>> weights = torch.tensor([[0.1, -0.9, 0.5]])
    >>> none = torch.zeros(1, 3, dtype=torch.bool)
    >>> freeze(weights, weights.round(), none, torch.tensor([2]), "magnitude").tolist()
    [[False, True, True]]
    """
    priority = _priority(weights, quantized, partition, uniform)
    limit = torch.finfo(priority.dtype).max
    priority = priority.nan_to_num(nan=-limit, posinf=limit, neginf=-limit)
    if partition != "rpr":
        priority = priority.masked_fill(frozen, torch.inf)
    order = priority.argsort(dim=1, descending=True, stable=True)
    chosen = torch.arange(weights.shape[1], device=weights.device) < count[:, None]
    grown = torch.zeros_like(frozen).scatter_(1, order, chosen)
    return grown if partition == "rpr" else grown | frozen


def _priority(
    weights: Tensor, quantized: Tensor, partition: Partition, uniform: Tensor | None
) -> Tensor:
    match partition:
        case "magnitude":
            return weights.abs()
        case "smallest":
            return -weights.abs()
        case "error":
            return -(weights - quantized).abs()
        case "random" | "rpr":
            if uniform is None:
                raise InputError(f"the partition `{partition}` needs `uniform`: samples in [0, 1)")
            return uniform
    raise UnknownNameError("partition", partition, get_args(Partition))
