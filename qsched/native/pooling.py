"""Pooling of images [examples, height, width, ld], and flattening to the order of torch lanes."""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import (
    fill,
    load,
    nan_else,
    select_ge,
    select_gt,
    store,
    transpose_square,
    width,
)

__all__ = [
    "flatten",
    "max_pool",
    "max_pool_backward",
    "mean_pool",
    "mean_pool_backward",
    "unflatten",
]


@compiled
def max_pool(work: Any, x: int, y: int, examples: int, image: Any, size: int, ld: int) -> None:
    """Write the maxima of squares without overlap; what is left over at the edges is not read.

    Args:
        work: array of activations.
        x: place of the input in it.
        y: place of the output in it.
        examples: number of images.
        image: (height, width) of the input.
        size: side of a square.
        ld: length of a pixel.
    """
    height, across = image[0] // size, image[1] // size
    for example in range(examples):
        for row in range(height):
            for column in range(across):
                at = x + ((example * image[0] + row * size) * image[1] + column * size) * ld
                to = y + ((example * height + row) * across + column) * ld
                for c in range(0, ld, width(work)):
                    store(work, to + c, _largest(work, at + c, image[1] * ld, size, ld))


@compiled
def max_pool_backward(
    work: Any, x: int, grad: int, to: int, examples: int, image: Any, size: int, ld: int
) -> None:
    """Write the gradient of the input: the first of equal maxima gets all; arguments as before.

    Args:
        grad: place of the gradient of the output.
        to: place of the gradient of the input.
    """
    height, across = image[0] // size, image[1] // size
    zero, one = fill(work, 0.0), fill(work, 1.0)
    for i in range(to, to + examples * image[0] * image[1] * ld, width(work)):
        store(work, i, zero)
    for example in range(examples):
        for row in range(height):
            for column in range(across):
                first = ((example * image[0] + row * size) * image[1] + column * size) * ld
                at = grad + ((example * height + row) * across + column) * ld
                for c in range(0, ld, width(work)):
                    top = _largest(work, x + first + c, image[1] * ld, size, ld)
                    slope, free = load(work, at + c), one
                    for i in range(size):
                        for j in range(size):
                            place = first + (i * image[1] + j) * ld + c
                            hit = select_ge(load(work, x + place), top, free, zero)
                            store(work, to + place, select_gt(hit, zero, slope, zero))
                            free = free - hit


@compiled
def _largest(work: Any, at: int, row: int, size: int, ld: int) -> Any:
    top = load(work, at)
    for i in range(size):
        for j in range(size):
            value = load(work, at + i * row + j * ld)
            top = nan_else(top, select_ge(top, value, top, value))
    return top


@compiled
def mean_pool(work: Any, x: int, y: int, examples: int, pixels: int, ld: int) -> None:
    """Write the mean over all pixels."""
    for example in range(examples):
        for c in range(0, ld, width(work)):
            total = fill(work, 0.0)
            for pixel in range(pixels):
                total = total + load(work, x + (example * pixels + pixel) * ld + c)
            store(work, y + example * ld + c, total / (1.0 * pixels))


@compiled
def mean_pool_backward(work: Any, grad: int, to: int, examples: int, pixels: int, ld: int) -> None:
    """Write the gradient of the input of :func:`mean_pool`."""
    for example in range(examples):
        for c in range(0, ld, width(work)):
            slope = load(work, grad + example * ld + c) / (1.0 * pixels)
            for pixel in range(pixels):
                store(work, to + (example * pixels + pixel) * ld + c, slope)


@compiled
def flatten(work: Any, x: int, y: int, examples: int, image: Any, lds: Any) -> None:
    """Write features in the order [channels, pixels].

    Args:
        work: array of activations.
        x: place of the images in it.
        y: place of the features in it.
        examples: number of images.
        image: (pixels, channels).
        lds: (length of a pixel, length of a row of features).
    """
    pixels, channels = image
    for example in range(examples):
        at, to = x + example * pixels * lds[0], y + example * lds[1]
        _transpose(work, at, lds[0], to, pixels, pixels, channels)


@compiled
def unflatten(work: Any, grad: int, to: int, examples: int, image: Any, lds: Any) -> None:
    """Write the gradient of the input of :func:`flatten`, 0 for padding."""
    pixels, channels = image
    for example in range(examples):
        at, row = grad + example * lds[1], to + example * pixels * lds[0]
        _transpose(work, at, pixels, row, lds[0], channels, pixels)
        for pixel in range(pixels):
            for channel in range(channels, lds[0]):
                work[row + pixel * lds[0] + channel] = 0


@compiled
def _transpose(
    work: Any, at: int, row: int, to: int, target_row: int, rows: int, columns: int
) -> None:
    """Copy a matrix transposed, squares of whole vectors first."""
    size = width(work)
    whole, across = rows - rows % size, columns - columns % size
    for i in range(0, whole, size):
        for j in range(0, across, size):
            place = to + j * target_row + i
            transpose_square(work, at + i * row + j, row, work, place, target_row)
    for i in range(rows):
        for j in range(across if i < whole else 0, columns):
            work[to + j * target_row + i] = work[at + i * row + j]
