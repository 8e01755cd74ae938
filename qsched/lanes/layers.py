"""The layers of which a network is described, as data.

A network is a tuple of these; the lane engine computes it, and exporters read it. Sizes that
follow from the input are inferred. Quantized layers are numbered from the input; a layer's weight
quantizer and the activation quantizer behind it share its depth.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Activation",
    "BatchNorm",
    "Conv",
    "Flatten",
    "GlobalAveragePool",
    "Layer",
    "Linear",
    "MaxPool",
    "Residual",
]


@dataclass(frozen=True)
class Linear:
    """Fully connected layer to ``features``; full precision where not ``quantized``."""

    features: int
    quantized: bool = True
    bias: bool = False


@dataclass(frozen=True)
class Conv:
    """Square convolution to ``channels`` with ``kernel``, ``stride`` and zero ``padding``."""

    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    quantized: bool = True
    bias: bool = False


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalization over all but the channel axis, with learned scale and shift."""


@dataclass(frozen=True)
class Activation:
    """The activation quantizer of the layer before it; hardtanh in full precision."""


@dataclass(frozen=True)
class MaxPool:
    """Max pooling over ``size`` x ``size`` windows without overlap."""

    size: int = 2


@dataclass(frozen=True)
class GlobalAveragePool:
    """Mean over all positions: images to features."""


@dataclass(frozen=True)
class Flatten:
    """Images to features."""


@dataclass(frozen=True)
class Residual:
    """``body(x) + shortcut(x)``; an empty shortcut is the identity."""

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()


Layer = Linear | Conv | BatchNorm | Activation | MaxPool | GlobalAveragePool | Flatten | Residual
