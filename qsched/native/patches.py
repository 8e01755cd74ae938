"""The gradient of a convolution's weights where input channels are few, as in a first layer.

At a single tap there are too few weights to fill a tile, so a tile holds those of several taps.
Its rows are then not read at the same pixels, and an image is copied into a frame of zeros first.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.geometry import PATCH
from qsched.native.simd import (
    VECTORS,
    add_products,
    copy,
    equal_steps,
    load_tile,
    store_tile,
    table_steps,
    width,
    zero_tile,
)

__all__ = ["add_border", "patch_gradient"]

WEIGHTS, HEIGHT, ACROSS, DOWN, SLOPES_DOWN, RIGHT, SLOPES_RIGHT = range(PATCH)

ROWS = 9 if VECTORS > 1 else 6
"""Rows of the largest tile: a kernel of 3 x 3 has 9 taps, and half of 32 registers hold them."""


@compiled
def add_border(
    work: Any, source: int, image: Any, ld: int, target: int, channels: int, border: int
) -> None:
    """Copy an image into a larger, zero frame, whose pixels are ``channels`` long.

    Args:
        work: array of activations.
        source: place of the image.
        image: (height, width).
        ld: length of its pixels; at least ``channels``.
        target: place of the larger image; its border is left as it is.
        channels: how many numbers of a pixel to copy.
        border: width of the border.
    """
    height, across = image
    for y in range(height):
        at = source + y * across * ld
        to = target + ((y + border) * (across + 2 * border) + border) * channels
        if ld == channels:
            copy(work, at, work, to, across * ld)
        else:
            for x in range(across):
                for c in range(channels):
                    work[to + x * channels + c] = work[at + x * ld + c]


@compiled
def patch_gradient(
    jobs: Any, job: int, work: Any, frame: int, grad: int, grads: Any, weight: Any
) -> None:
    """Add the gradient of the weights for one image.

    Args:
        jobs: table of jobs.
        job: place of the record in it, see :meth:`qsched.native.geometry.Convolution`.
        work: array of activations.
        frame: place of the input with its border in it.
        grad: place of the output's gradient in it.
        grads: array of gradients.
        weight: (place in it, length of a row).
    """
    n = 0
    while n < weight[1]:
        sums = grads, weight[0] + n, weight[1]
        if VECTORS > 1 and weight[1] - n > width(grads):
            _wide(jobs, job, work, frame, grad + n, sums)
            n += VECTORS * width(grads)
        else:
            _narrow(jobs, job, work, frame, grad + n, sums)
            n += width(grads)


def _tile_of(rows: int, vectors: int) -> Any:
    """Return the loop for some weights of an output, whose entries begin at ``entry``."""

    @compiled
    def some_weights(
        jobs: Any, job: int, entry: int, work: Any, frame: int, grad: int, sums: Any
    ) -> None:
        grads, to, ld = sums
        down, slopes_down = jobs[job + DOWN], jobs[job + SLOPES_DOWN]
        right, slopes_right = jobs[job + RIGHT], jobs[job + SLOPES_RIGHT]
        shape = zero_tile(grads, rows, vectors)
        sources, targets = table_steps(shape, jobs, entry, frame), equal_steps(shape, to, ld)
        tile = load_tile(shape, grads, targets)
        for y in range(jobs[job + HEIGHT]):
            for x in range(jobs[job + ACROSS]):
                at, slope = y * down + x * right, grad + y * slopes_down + x * slopes_right
                tile = add_products(tile, work, sources, at, work, slope)
        store_tile(tile, grads, targets)

    return some_weights


def _all_weights_of(vectors: int) -> Any:
    """Return the function for all weights of some vectors of outputs."""
    many, three, one = (_tile_of(rows, vectors) for rows in (ROWS, 3, 1))

    @compiled
    def all_weights(jobs: Any, job: int, work: Any, frame: int, grad: int, sums: Any) -> None:
        grads, to, ld = sums
        i, count = 0, jobs[job + WEIGHTS]
        while i < count:
            entry, rest = job + PATCH + i, (grads, to + i * ld, ld)
            if count - i >= ROWS:
                many(jobs, job, entry, work, frame, grad, rest)
                i += ROWS
            elif count - i >= 3:
                three(jobs, job, entry, work, frame, grad, rest)
                i += 3
            else:
                one(jobs, job, entry, work, frame, grad, rest)
                i += 1

    return all_weights


_narrow, _wide = _all_weights_of(1), _all_weights_of(VECTORS)
