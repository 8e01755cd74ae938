"""Ternary networks of the shape that completely unrolled accelerators compute."""

from __future__ import annotations

from qsched.errors import InputError
from qsched.lanes.layers import Activation, BatchNorm, Conv, Flatten, Layer, Linear, MaxPool

__all__ = ["tnn3", "tnn96"]

WIDTH = 96


def tnn3(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build three 3x3 convolutions and a classifier that reads 3x3 positions, for 8x8 images.

    Within the limits of the CUTIE accelerator, classifier included where it is ternary
    (``precision.last: true``). The second convolution has no padding, and pooling follows the
    third, so that 8x8 images become 6x6 and then 3x3.

    Args:
        width: channels, 1 to 96; 32 by default.
        classes: number of classes.

    Raises:
        InputError: more than 96 channels.

    >>> len(tnn3(16, 10))
    12
    """
    w = _channels("tnn3", width or 32)
    return (
        *_conv(w),
        *_conv(w, padding=0),
        *_conv(w),
        MaxPool(),
        Flatten(),
        Linear(classes, quantized=False, bias=True),
    )


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
    w = _channels("tnn96", width or WIDTH)
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


def _channels(network: str, width: int) -> int:
    if width > WIDTH:
        raise InputError(
            f"{network} must have at most {WIDTH} channels, which is what the accelerator has, "
            f"but network.width is {width}; lower it, or use cnn9 or vgg8"
        )
    return width


def _conv(channels: int, padding: int = 1) -> tuple[Layer, ...]:
    return Conv(channels, padding=padding), BatchNorm(), Activation()
