"""Narrow convolutional networks: 3x3 layers of one width, without skips."""

from __future__ import annotations

from collections.abc import Iterable

from qsched.lanes.layers import Activation, BatchNorm, Conv, Flatten, Layer, Linear

__all__ = ["cnn5", "cnn9"]

WIDTH = 16


def cnn5(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build five convolutions of strides 2, 1, 2, 1, 1: the shallow control."""
    return _cnn((2, 1, 2, 1, 1), width or WIDTH, classes)


def cnn9(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build nine convolutions of strides 2, 1, 1 three times over: deep and narrow.

    >>> sum(isinstance(layer, Conv) for layer in cnn9(None, 10))
    9
    """
    return _cnn((2, 1, 1) * 3, width or WIDTH, classes)


def _cnn(strides: Iterable[int], width: int, classes: int) -> tuple[Layer, ...]:
    blocks = [(Conv(width, stride=stride), BatchNorm(), Activation()) for stride in strides]
    hidden = tuple(layer for block in blocks for layer in block)
    return (*hidden, Flatten(), Linear(classes, quantized=False, bias=True))
