"""VGG8, the network of the ANA paper."""

from __future__ import annotations

from qsched.lanes.layers import Activation, BatchNorm, Conv, Flatten, Layer, Linear, MaxPool

__all__ = ["vgg8"]

WIDTH = 128


def vgg8(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build five 3x3 convolutions, two hidden fully connected layers and a classifier.

    With w = ``width``: w, pool, 2w, 2w, pool, 4w, 4w, pool, 8w, 8w, classes. Seven layers have
    quantized weights and activations. For images of 32x32; the least side is 8.

    Source: M. Spallanzani, G. P. Leonardi, L. Benini, "Training quantised neural networks with STE
    variants: the additive noise annealing algorithm", CVPR (2022), 470-479.
    """
    w = width or WIDTH
    return (
        *_conv(w),
        MaxPool(),
        *_conv(2 * w),
        *_conv(2 * w),
        MaxPool(),
        *_conv(4 * w),
        *_conv(4 * w),
        MaxPool(),
        Flatten(),
        *_dense(8 * w),
        *_dense(8 * w),
        Linear(classes, quantized=False, bias=True),
    )


def _conv(channels: int) -> tuple[Layer, ...]:
    return Conv(channels), BatchNorm(), Activation()


def _dense(features: int) -> tuple[Layer, ...]:
    return Linear(features), BatchNorm(), Activation()
