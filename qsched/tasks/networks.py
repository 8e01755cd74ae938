"""What all networks share: the precision of first and last layer, parameter counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from qsched.errors import InputError
from qsched.lanes.layers import Conv, Layer, Linear, Residual
from qsched.lanes.plan import make_plan
from qsched.specs import Precision

__all__ = ["parameters", "with_precision"]


def with_precision(layers: tuple[Layer, ...], precision: Precision) -> tuple[Layer, ...]:
    """Return the network with its first and last layer quantized as ``precision`` says.

    First and last are those of the layers with weights, in order of appearance (a residual's body
    before its shortcut); of a network of one layer, ``precision.last`` holds.

    >>> first, last = with_precision((Linear(8), Linear(2)), Precision(first=False, last=True))
    >>> first.quantized, last.quantized
    (False, True)
    """
    count = sum(1 for _ in _weighted(layers))
    if count == 0:
        raise InputError("a network needs at least one Linear or Conv layer, but this has none")
    flags = {0: precision.first, count - 1: precision.last}
    return _replaced(layers, iter([flags.get(i) for i in range(count)]))


def parameters(layers: tuple[Layer, ...], shape: tuple[int, ...]) -> int:
    """Return the number of trained values: weights, biases, scales and shifts of normalization.

    Args:
        layers: the network.
        shape: of one example: (C, H, W) or (D,).

    Raises:
        InputError: a layer cannot read what comes out of the layer before it, such as images that
            became too small.

    >>> parameters((Linear(8), Linear(2, bias=True)), (3,))
    42
    """
    return make_plan(layers, shape).size


def _weighted(layers: tuple[Layer, ...]) -> Iterator[Linear | Conv]:
    for layer in layers:
        if isinstance(layer, Linear | Conv):
            yield layer
        elif isinstance(layer, Residual):
            yield from _weighted(layer.body)
            yield from _weighted(layer.shortcut)


def _replaced(layers: tuple[Layer, ...], flags: Iterator[bool | None]) -> tuple[Layer, ...]:
    result: list[Layer] = []
    for layer in layers:
        if isinstance(layer, Linear | Conv):
            flag = next(flags)
            result.append(layer if flag is None else replace(layer, quantized=flag))
        elif isinstance(layer, Residual):
            body = _replaced(layer.body, flags)
            result.append(Residual(body, _replaced(layer.shortcut, flags)))
        else:
            result.append(layer)
    return tuple(result)
