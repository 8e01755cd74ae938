"""Noise inside the training step of torch lanes: a hash of a key and a place."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import torch
from torch import Tensor

from qsched.lanes.streams import GOLDEN

__all__ = ["uniform"]

FIRST, SECOND = 0x7FEB352D, 0x846CA68B - 2**32


def uniform(keys: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Return numbers in [0, 1), a function of the key and of the place in ``shape`` alone.

    Multiples of 2^-24: a 32-bit hash of (key, place) by two multiply-xorshift rounds, of which 24
    bits are used.

    Args:
        keys: [K, 2] int32, one pair a lane.
        shape: S, of one lane.
        dtype: of the result.

    Returns:
        [K, *S].
    """
    spread = (len(keys),) + (1,) * len(shape)
    h = _places(prod(shape), keys.device).reshape(shape) ^ keys[:, 0].reshape(spread)
    scratch = torch.empty_like(h)
    _fold(h, 16, scratch).mul_(FIRST)
    h.bitwise_xor_(keys[:, 1].reshape(spread))
    _fold(h, 15, scratch).mul_(SECOND)
    return _fold(h, 16, scratch).bitwise_and_(0xFFFFFF).to(dtype).mul_(2.0**-24)


def _fold(h: Tensor, shift: int, scratch: Tensor) -> Tensor:
    """Combine the upper with the lower bits, in place."""
    torch.bitwise_right_shift(h, shift, out=scratch)
    scratch.bitwise_and_(2 ** (32 - shift) - 1)  # the shift copies the sign: mask that
    return h.bitwise_xor_(scratch)


@lru_cache(maxsize=32)
def _places(size: int, device: torch.device) -> Tensor:
    """Return every place's number times an odd constant, [size] int32."""
    return torch.arange(size, dtype=torch.int32, device=device).mul_(GOLDEN % 2**31)
