"""Incremental quantization of weights: which are frozen, and at what values.

Latent weights stay in the rows of parameters; frozen ones are held there bit for bit, whatever the
optimizer did to them, and layers compute with their quantized values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qsched.lanes.modes import Segment
from qsched.lanes.parameters import Buffers
from qsched.lanes.plan import Plan
from qsched.lanes.streams import Stream, generator
from qsched.quantizers import Codebook, freeze

__all__ = ["Incremental"]

Index = tuple[slice, slice]


class Incremental:
    """The frozen weights of all lanes that quantize incrementally.

    The scale of a layer's codebook is fitted when its first weights freeze, and stays.

    Args:
        plan: the network.
        segments: the parts of the weights in which lanes freeze.
        book: the levels.
        counts: how many weights of each tensor are to be frozen, by step: [K, T, sites].
        seeds: of all lanes: they key the random partitions.
        like: gives dtype and device.
    """

    def __init__(
        self,
        plan: Plan,
        segments: Sequence[Segment],
        book: Codebook,
        counts: np.ndarray,
        seeds: Sequence[int],
        like: Tensor,
    ) -> None:
        raise NotImplementedError

    def forward(self, index: Index, x: Tensor, out: Tensor) -> None: ...

    def backward(self, index: Index, grad: Tensor, out: Tensor) -> None: ...

    def harden(self, segment: Segment, x: Tensor, out: Tensor) -> None: ...

    def hold(self) -> None: ...

    def begin_epoch(self, step: int) -> None: ...

    def advance(self, step: int) -> None: ...
