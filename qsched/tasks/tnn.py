"""A ternary network of the shape that completely unrolled accelerators compute."""

from __future__ import annotations

from qsched.errors import InputError
from qsched.lanes.layers import Activation, BatchNorm, Conv, Flatten, Layer, Linear, MaxPool

__all__ = ["tnn96"]

WIDTH = 96


def tnn96(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build seven 3x3 convolutions of at most 96 channels, max pooling and a classifier.

    Within the limits of the CUTIE accelerator: 96 channels, 3x3 kernels, at most eight layers,
    images of at most 64x64, zero padding or none. Images of 32x32 reach the classifier as 3x3, so
    that it too is a 3x3 layer there; from other sizes it runs on the host. The least side is 16.

    Args:
        width: channels, 1 to 96.
        classes: number of classes.

    Raises:
        InputError: more than 96 channels.

    Source: M. Scherer, G. Rutishauser, L. Cavigelli, L. Benini, "CUTIE: beyond PetaOp/s/W ternary
    DNN inference acceleration with better-than-binary energy efficiency", IEEE TCAD (2022).
    """
    w = width or WIDTH
    if w > WIDTH:
        raise InputError(
            f"tnn96 must have at most {WIDTH} channels, which is what the accelerator has, but "
            f"network.width is {w}; lower it, or use cnn9 or vgg8"
        )
    return (
        *_conv(w),
        *_conv(w),
        MaxPool(),
        *_conv(w),
        *_conv(w),
        MaxPool(),
        *_conv(w),
        *_conv(w),
        *_conv(w, padding=0),
        MaxPool(),
        Flatten(),
        Linear(classes, quantized=False, bias=True),
    )


def _conv(channels: int, padding: int = 1) -> tuple[Layer, ...]:
    return Conv(channels, padding=padding), BatchNorm(), Activation()
