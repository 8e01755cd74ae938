"""Batch normalization of all lanes: batch statistics in training, running ones when hard.

Layers keep what a step finds, and :class:`BatchNorms` brings it to the flat buffers of all layers
at once: many small tensors cost more in calls than in arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from qsched.lanes.modules import Module

__all__ = ["EPS", "BatchNorm", "BatchNormFeatures", "BatchNormImages", "BatchNorms"]

EPS = 1e-5
MOMENTUM = 0.1

aten: Any = torch.ops.aten


class BatchNorm(Module):
    """Batch normalization of one layer.

    Args:
        scale: [K, C].
        shift: [K, C].
        mean: running means, [K, C].
        variance: running unbiased variances, [K, C].

    Attributes:
        found: of the last step, each [K C]: mean, 1 / sqrt(biased variance + eps), gradient of the
            scale, gradient of the shift.
        count: values a channel had in the last step.
    """

    found: tuple[Tensor, Tensor, Tensor, Tensor]
    count: int

    def __init__(self, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> None:
        self.scale, self.shift, self.mean, self.variance = scale, shift, mean, variance

    def line(self) -> tuple[Tensor, Tensor]:
        """Return slope and intercept of the hard network's normalization, [K, C]."""
        slope = (self.variance + EPS).rsqrt_().mul_(self.scale)
        return slope, torch.addcmul(self.shift, self.mean, slope, value=-1)


class BatchNormFeatures(BatchNorm):
    """Batch normalization of features.

    Computed as group normalization of one example whose channels are the K D features, each a
    group of its own, and whose positions are the batch: the same numbers, faster on a CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        lanes, features, self.count = x.shape
        self.x, self.gain = x.contiguous(), self.scale.reshape(-1)
        self.sizes = (1, lanes * features, self.count, lanes * features)
        y: Tensor
        y, self.batch_mean, self.rstd = aten.native_group_norm(
            self.x, self.gain, self.shift.reshape(-1), *self.sizes, EPS
        )
        return y

    def backward(self, grad: Tensor) -> Tensor:
        given: Tensor
        given, scale, shift = aten.native_group_norm_backward(
            grad, self.x, self.batch_mean, self.rstd, self.gain, *self.sizes, [True] * 3
        )
        self.found = self.batch_mean, self.rstd, scale, shift
        return given

    def infer(self, x: Tensor) -> Tensor:
        slope, intercept = self.line()
        return (x * slope.unsqueeze(2)).add_(intercept.unsqueeze(2))


class BatchNormImages(BatchNorm):
    """Batch normalization of images."""

    def forward(self, x: Tensor) -> Tensor:
        self.x, self.gain = x, self.scale.reshape(-1)
        self.count = x.numel() // x.shape[1]
        y: Tensor
        y, self.batch_mean, self.rstd = aten.native_batch_norm(
            x, self.gain, self.shift.reshape(-1), None, None, True, 0.0, EPS
        )
        return y

    def backward(self, grad: Tensor) -> Tensor:
        mean, rstd = self.batch_mean, self.rstd
        given: Tensor
        given, scale, shift = aten.native_batch_norm_backward(
            grad, self.x, self.gain, None, None, mean, rstd, True, EPS, [True] * 3
        )
        self.found = mean, rstd, scale, shift
        return given

    def infer(self, x: Tensor) -> Tensor:
        slope, intercept = (part.reshape(1, -1, 1, 1) for part in self.line())
        return (x * slope).add_(intercept)


class BatchNorms:
    """All batch normalizations of a network, in the order of the rows.

    Args:
        layers: the normalizations.
        mean: running means of all layers, [K, S].
        variance: running variances of all layers, [K, S].
        scale_grad: gradients of all scales, [K, S].
        shift_grad: gradients of all shifts, [K, S].
    """

    def __init__(
        self,
        layers: Sequence[BatchNorm],
        mean: Tensor,
        variance: Tensor,
        scale_grad: Tensor,
        shift_grad: Tensor,
    ) -> None:
        self.layers, self.mean, self.variance = layers, mean, variance
        self.scale_grad, self.shift_grad = scale_grad, shift_grad
        self.unbiased: Tensor | None = None

    def collect(self) -> None:
        """Store the gradients of a step and move the running statistics towards its batch's."""
        if not self.layers:
            return
        lanes = len(self.mean)
        mean, rstd, scale, shift = (
            torch.cat([part.view(lanes, -1) for part in parts], dim=1)
            for parts in zip(*(layer.found for layer in self.layers), strict=True)
        )
        self.scale_grad.copy_(scale)
        self.shift_grad.copy_(shift)
        if self.unbiased is None:
            self.unbiased = self._unbiased(mean)
        self.mean.lerp_(mean, MOMENTUM)
        self.variance.lerp_(rstd.pow_(-2).sub_(EPS).mul_(self.unbiased), MOMENTUM)

    def _unbiased(self, like: Tensor) -> Tensor:
        """Return n / (n - 1) for every column, n being the values of a channel in a batch."""
        factors = [
            layer.count / max(layer.count - 1, 1)
            for layer in self.layers
            for _ in range(layer.scale.shape[1])
        ]
        return torch.tensor(factors, dtype=like.dtype, device=like.device)
