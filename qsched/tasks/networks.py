"""What all networks share: the precision of first and last layer, shapes, parameter counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from qsched.errors import InputError
from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool,
    Residual,
)
from qsched.specs import Precision

__all__ = ["parameters", "with_precision"]

Shape = tuple[int, ...]


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


def parameters(layers: tuple[Layer, ...], shape: Shape) -> int:
    """Return the number of trained values: weights, biases, scales and shifts of normalization.

    Args:
        layers: the network.
        shape: of one example: (C, H, W) or (D,).

    Raises:
        InputError: a layer cannot read what comes out of the layer before it, such as images that
            became too small.

    >>> parameters((Linear(8), BatchNorm(), Linear(2, bias=True)), (3,))
    58
    """
    return _walk(layers, shape)[0]


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


def _walk(layers: tuple[Layer, ...], shape: Shape) -> tuple[int, Shape]:
    """Return the number of parameters of ``layers`` and the shape that comes out of them."""
    total = 0
    for layer in layers:
        count, shape = _step(layer, shape)
        if min(shape) < 1:
            raise InputError(
                f"{type(layer).__name__} needs larger images than it gets; "
                "use larger images (data.pool) or another network"
            )
        total += count
    return total, shape


def _step(layer: Layer, shape: Shape) -> tuple[int, Shape]:
    match layer:
        case Linear(features=features, bias=bias):
            _need(layer, shape, 1)
            return shape[0] * features + bias * features, (features,)
        case Conv(channels=channels, kernel=kernel, stride=stride, padding=padding, bias=bias):
            _need(layer, shape, 3)
            height, width = ((side + 2 * padding - kernel) // stride + 1 for side in shape[1:])
            count = shape[0] * channels * kernel**2 + bias * channels
            return count, (channels, height, width)
        case BatchNorm():
            return 2 * shape[0], shape
        case MaxPool(size=size):
            _need(layer, shape, 3)
            return 0, (shape[0], shape[1] // size, shape[2] // size)
        case GlobalAveragePool():
            _need(layer, shape, 3)
            return 0, shape[:1]
        case Flatten():
            return 0, (prod(shape),)
        case Activation():
            return 0, shape
        case Residual(body=body, shortcut=shortcut):
            return _residual(body, shortcut, shape)


def _residual(
    body: tuple[Layer, ...], shortcut: tuple[Layer, ...], shape: Shape
) -> tuple[int, Shape]:
    count, result = _walk(body, shape)
    other, skipped = _walk(shortcut, shape)
    if result != skipped:
        raise InputError(
            f"both arms of a Residual must have one shape, but the body has {result} and the "
            f"shortcut {skipped}; give the shortcut a projection"
        )
    return count + other, result


def _need(layer: Layer, shape: Shape, axes: int) -> None:
    if len(shape) != axes:
        wanted = "images (C, H, W)" if axes == 3 else "features (D,)"
        raise InputError(f"{type(layer).__name__} reads {wanted}, but gets the shape {shape}")
