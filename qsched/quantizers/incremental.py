"""The steps of incremental quantization: weights freeze, are held, and are hard in the end."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from qsched.quantizers.inq import Codebook
from qsched.quantizers.partition import freeze
from qsched.schedules import Partition

__all__ = ["Frozen", "grow", "harden", "hold"]


class Frozen(NamedTuple):
    """Which weights are frozen, and at what values: rows of n, one a layer of one network.

    Attributes:
        frozen: bool [R, n].
        fixed: quantized values, [R, n]; read only where frozen.
        held: the float values they stay at, [R, n]; read only where frozen.
        scale: of the codebook, [R, 1]; read only in rows with frozen weights.
    """

    frozen: Tensor
    fixed: Tensor
    held: Tensor
    scale: Tensor


def grow(
    weights: Tensor,
    state: Frozen,
    count: Tensor,
    partition: Partition,
    book: Codebook,
    uniform: Tensor | None = None,
) -> Frozen:
    """Return the state in which ``count`` weights of each row are frozen.

    The scale of the codebook is fitted when the first weights of a row freeze, and stays. A weight
    freezes at its level, and its float value is held; NaN freezes last, at NaN.

    Args:
        weights: float weights, [R, n].
        state: until now; it is not changed.
        count: integers [R] in [0, n].
        partition: which weights come next; see :func:`~qsched.quantizers.partition.freeze`.
        book: the levels.
        uniform: samples in [0, 1), [R, n], for random partitions.

    Raises:
        UnknownNameError: no partition of this name.
        InputError: ``random`` or ``rpr`` without ``uniform``.

    >>> from qsched.quantizers import codebook
    >>> weights = torch.tensor([[0.9, 0.2, 1.1, 0.1]])
    >>> nothing = Frozen(weights > 9, 0 * weights, 0 * weights, torch.zeros(1, 1))
    >>> half = grow(weights, nothing, torch.tensor([2]), "magnitude", codebook("ternary"))
    >>> half.fixed.tolist()
    [[1.0, 0.0, 1.0, 0.0]]
    """
    old = state.frozen
    fresh = (count > 0)[:, None] & ~old.any(dim=1, keepdim=True)
    scale = torch.where(fresh, book.scale(weights), state.scale)
    quantized = book.quantize(weights, scale)
    new = freeze(weights, quantized, old, count, partition, uniform)
    fixed = torch.where(new & ~old, quantized, state.fixed)
    return Frozen(new, fixed, weights, scale)


def harden(
    weights: Tensor, frozen: Tensor, fixed: Tensor, scale: Tensor, book: Codebook
) -> Tensor:
    """Return the weights of the hard network: what is free is quantized, too.

    Args:
        weights: float weights, [R, n]. NaN that is free yields NaN.
        frozen, fixed, scale: as of :class:`Frozen`; the scale of a row without frozen weights is
            fitted now.
        book: the levels.

    Returns:
        [R, n], on levels of the codebook.

    >>> from qsched.quantizers import codebook
    >>> weights, frozen = torch.tensor([[0.9, -0.4]]), torch.tensor([[True, False]])
    >>> harden(weights, frozen, torch.ones(1, 2), torch.ones(1, 1), codebook("binary")).tolist()
    [[1.0, -1.0]]
    """
    started = frozen.any(dim=1, keepdim=True)
    fitted = scale if started.all() else torch.where(started, scale, book.scale(weights))
    return torch.where(frozen, fixed, book.quantize(weights, fitted))


@torch.no_grad()
def hold(weights: Tensor, frozen: Tensor, values: Tensor) -> None:
    """Put frozen weights back to their values, in place, bit for bit.

    To be called after each step of an optimizer: whatever momentum or weight decay did to them is
    undone, even NaN.

    Args:
        weights: [R, n], or any shape; contiguous or not.
        frozen: which are frozen: bool, of the same shape.
        values: what they are held at, of the same shape; read only where frozen.

    >>> weights = torch.tensor([0.7, torch.nan])
    >>> hold(weights, torch.tensor([False, True]), torch.tensor([9.0, 0.25]))
    >>> weights.tolist()
    [0.699999988079071, 0.25]
    """
    weights.copy_(torch.where(frozen, values, weights))
