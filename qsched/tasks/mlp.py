"""Narrow perceptrons: quantized hidden layers of one width and a full-precision classifier."""

from __future__ import annotations

from qsched.lanes.layers import Activation, BatchNorm, Flatten, Layer, Linear

__all__ = ["mlp3", "mlp6", "mlp9", "mlp14"]

WIDTH = 16


def mlp3(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build three hidden layers: the control on which a schedule should matter little."""
    return _mlp(3, width or WIDTH, classes)


def mlp6(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build six hidden layers."""
    return _mlp(6, width or WIDTH, classes)


def mlp9(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build nine hidden layers: deep and narrow, where the schedule matters.

    >>> len([layer for layer in mlp9(None, 10) if isinstance(layer, Linear)])
    10
    """
    return _mlp(9, width or WIDTH, classes)


def mlp14(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build fourteen hidden layers: the deepest."""
    return _mlp(14, width or WIDTH, classes)


def _mlp(depth: int, width: int, classes: int) -> tuple[Layer, ...]:
    hidden = (Linear(width), BatchNorm(), Activation())
    return (Flatten(), *hidden * depth, Linear(classes, quantized=False, bias=True))
