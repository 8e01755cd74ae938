"""ResNet-20, as its authors built it for CIFAR-10."""

from __future__ import annotations

from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    GlobalAveragePool,
    Layer,
    Linear,
    Residual,
)

__all__ = ["resnet20"]

WIDTH = 16
BLOCKS = 3


def resnet20(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build a stem, nine residual blocks of two 3x3 convolutions and a classifier.

    The stages are ``width``, 2 and 4 times ``width`` wide; the second and the third halve the
    image. The activation behind a sum belongs to the block's second convolution. Where the shape
    changes, the shortcut is a 1x1 convolution with normalization; it stays in full precision:
    it has under 1 % of the weights, and quantizing it would quantize the identity path itself.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR
    (2016); projections as in their option B.
    """
    w = width or WIDTH
    layers: list[Layer] = [Conv(w), BatchNorm(), Activation()]
    for stage in range(3):
        for block in range(BLOCKS):
            halve = stage > 0 and block == 0
            layers += _block(w * 2**stage, 2 if halve else 1)
    return (*layers, GlobalAveragePool(), Linear(classes, quantized=False, bias=True))


def _block(channels: int, stride: int) -> tuple[Layer, ...]:
    body = (
        Conv(channels, stride=stride),
        BatchNorm(),
        Activation(),
        Conv(channels),
        BatchNorm(),
    )
    projection = Conv(channels, kernel=1, stride=stride, padding=0, quantized=False)
    return Residual(body, (projection, BatchNorm()) if stride > 1 else ()), Activation()
