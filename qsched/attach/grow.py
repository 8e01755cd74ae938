"""One step of incremental quantization: more weights of a layer freeze."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from qsched.lanes.streams import Stream
from qsched.quantizers import Partition, codebook, freeze

__all__ = ["Frozen", "grow", "partition_draws"]


class Frozen(NamedTuple):
    """Which weights are frozen, and at what values; a row for each network, n weights.

    Attributes:
        frozen: bool [R, n].
        fixed: quantized values, [R, n]; read only where frozen.
        held: the float values they stay at, [R, n]; read only where frozen.
        scale: of the codebook, [R, 1]; 0 until the first weights of a row freeze.
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
    levels: str,
    uniform: Tensor | None = None,
) -> Frozen:
    """Return the state in which ``count`` weights of each row are frozen.

    The scale of the codebook is fitted when the first weights of a row freeze, and stays.

    Args:
        weights: float weights, [R, n].
        state: until now.
        count: integers [R] in [0, n].
        partition: which weights come next; see :func:`qsched.quantizers.freeze`.
        levels: name of the codebook.
        uniform: samples in [0, 1), [R, n], for random partitions.
    """
    book, old = codebook(levels), state.frozen
    fresh = (count > 0)[:, None] & ~old.any(dim=1, keepdim=True)
    scale = torch.where(fresh, book.scale(weights), state.scale)
    quantized = book.quantize(weights, scale)
    new = freeze(weights, quantized, old, count, partition, uniform)
    fixed = torch.where(new & ~old, quantized, state.fixed)
    return Frozen(new, fixed, weights, scale)


def partition_draws(
    partition: Partition, seed: int, site: int, epoch: int, like: Tensor
) -> Tensor | None:
    """Return the samples in [0, 1) of a random partition: a function of seed, place and epoch.

    Args:
        partition: None is returned for one that is not random.
        seed: of the run.
        site: number of the quantizer in its model.
        epoch: read for ``rpr`` only, which draws anew in each.
        like: gives shape, dtype and device.
    """
    if partition not in ("random", "rpr"):
        return None
    key = [seed, int(Stream.PARTITION), site, epoch if partition == "rpr" else 0]
    return torch.from_numpy(np.random.default_rng(key).random(tuple(like.shape))).to(like)
