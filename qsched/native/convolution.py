"""Direct convolution: no matrix of patches is made, which would not stay in cache.

Images are [examples, height, width, channels]. A tile, the same pixel of some images and one or
two vectors of channels, stays in registers while taps and input channels run, see
:mod:`qsched.native.geometry` for which are which. Pixels at edges have fewer taps, which all rows
of such a tile share. In the gradient of the weights a tile is one of inputs and vectors, while
pixels run.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.geometry import ENTRY, HEAD
from qsched.native.simd import (
    ROWS,
    VECTORS,
    add_products,
    equal_steps,
    load_tile,
    prefetch,
    store_tile,
    tile_rows,
    width,
    zero_tile,
)

__all__ = ["NOTHING", "convolve", "weights_gradient"]

DOWN, OTHER_DOWN, RIGHT, OTHER_RIGHT = range(2, HEAD)
TAPS, SOURCE, OTHER, TARGET, RUN = range(ENTRY)

NOTHING = 0, 0, 0
"""Nothing is fetched ahead."""

CHUNK = 65536
"""Numbers of inputs and outputs that the gradients of all weights are summed over at a time."""


@compiled
def convolve(
    jobs: Any,
    job: int,
    examples: int,
    a: Any,
    source: Any,
    w: Any,
    weights: Any,
    c: Any,
    to: Any,
    ahead: Any,
) -> None:
    """Do one job for some images.

    Args:
        jobs: table of jobs.
        job: place of the job in it.
        examples: number of images.
        a: array of inputs.
        source: (place of the first image in it, distance of images).
        w: array of weights.
        weights: (place in it, length of a row, which is that of an output pixel).
        c: array of outputs.
        to: (place of the first image in it, distance of images).
        ahead: (place, place, number) of what is read next: from each of two regions of ``c``, so
            many numbers are fetched into the cache with a pixel of all images.
    """
    ld, size = weights[1], width(c)
    n = 0
    while n < ld:
        wide = VECTORS > 1 and ld - n > size
        i = 0
        while i < examples:
            rows = tile_rows(examples - i)
            soon = ahead[0], ahead[1], ahead[2] if n + i == 0 else 0
            images = source[0] + i * source[1], source[1]
            block, target = (weights[0] + n, ld), (to[0] + i * to[1] + n, to[1])
            if wide:
                _wide(rows, jobs, job, a, images, w, block, c, target, soon)
            else:
                _narrow(rows, jobs, job, a, images, w, block, c, target, soon)
            i += rows
        n += VECTORS * size if wide else size


def _images_of(rows: int, vectors: int) -> Any:
    """Return the loop for all pixels of some images."""

    @compiled
    def images(
        jobs: Any, job: int, a: Any, source: Any, w: Any, weights: Any, c: Any, to: Any, ahead: Any
    ) -> None:
        ld, begin = weights[1], job + HEAD + ENTRY * jobs[job]
        here, there, step = ahead
        down, right = jobs[job + DOWN], jobs[job + RIGHT]
        weights_down, weights_right = jobs[job + OTHER_DOWN], jobs[job + OTHER_RIGHT]
        for row in range(job + HEAD, begin, ENTRY):
            for column in range(begin, begin + ENTRY * jobs[job + 1], ENTRY):
                tile = zero_tile(c, rows, vectors)
                at = source[0] + jobs[row + SOURCE] + jobs[column + SOURCE]
                weight = weights[0] + jobs[row + OTHER] + jobs[column + OTHER]
                sources = equal_steps(tile, at, source[1])
                taps, run = jobs[column + TAPS], jobs[column + RUN]
                for t in range(jobs[row + TAPS]):
                    for u in range(taps):
                        p = t * down + u * right
                        q = weight + t * weights_down + u * weights_right
                        for i in range(run):
                            tile = add_products(tile, a, sources, p + i, w, q + i * ld)
                target = to[0] + jobs[row + TARGET] + jobs[column + TARGET]
                store_tile(tile, c, equal_steps(tile, target, to[1]))
                for k in range(0, step, width(c)):
                    prefetch(c, here + k)
                    prefetch(c, there + k)
                here, there = here + step, there + step

    return images


def _any_images_of(vectors: int) -> Any:
    """Return the function for one, four or many images."""
    many, four, one = (_images_of(rows, vectors) for rows in (ROWS, 4, 1))

    @compiled
    def any_images(
        rows: int,
        jobs: Any,
        job: int,
        a: Any,
        source: Any,
        w: Any,
        weights: Any,
        c: Any,
        to: Any,
        ahead: Any,
    ) -> None:
        if rows == ROWS:
            many(jobs, job, a, source, w, weights, c, to, ahead)
        elif rows == 4:
            four(jobs, job, a, source, w, weights, c, to, ahead)
        else:
            one(jobs, job, a, source, w, weights, c, to, ahead)

    return any_images


_narrow, _wide = _any_images_of(1), _any_images_of(VECTORS)


@compiled
def weights_gradient(
    jobs: Any, job: int, examples: int, work: Any, source: Any, grad: Any, grads: Any, weight: Any
) -> None:
    """Add the gradient of the weights.

    Args:
        jobs: table of jobs.
        job: place of the job in it.
        examples: number of images.
        work: array of activations.
        source: (place of the first input in it, distance of images).
        grad: (place of the first output's gradient in it, distance of images).
        grads: array of gradients.
        weight: (place in it, length of a row).
    """
    some, size = max(CHUNK // (source[1] + grad[1]), 1), width(grads)
    for first in range(0, examples, some):
        count, at = min(some, examples - first), source[0] + first * source[1]
        n = 0
        while n < weight[1]:
            slopes = grad[0] + first * grad[1] + n, grad[1]
            sums = grads, weight[0] + n, weight[1]
            if VECTORS > 1 and weight[1] - n > size:
                _wide_gradients(jobs, job, count, work, (at, source[1]), slopes, sums)
                n += VECTORS * size
            else:
                _narrow_gradients(jobs, job, count, work, (at, source[1]), slopes, sums)
                n += size


def _tap_gradients_of(rows: int, vectors: int) -> Any:
    """Return the loop for the weights of some inputs at a tap."""

    @compiled
    def tap_gradients(
        jobs: Any, job: int, tap: Any, count: int, work: Any, source: Any, grad: Any, sums: Any
    ) -> None:
        grads, to, ld = sums
        height, across = jobs[tap[0] + TAPS], jobs[tap[1] + TAPS]
        down, right = jobs[job + DOWN], jobs[job + RIGHT]
        slopes_down, slopes_right = jobs[job + OTHER_DOWN], jobs[job + OTHER_RIGHT]
        shape = zero_tile(grads, rows, vectors)
        sources, targets = equal_steps(shape, source[0], 1), equal_steps(shape, to, ld)
        tile = load_tile(shape, grads, targets)
        for image in range(count):
            for y in range(height):
                p = image * source[1] + y * down
                q = grad[0] + image * grad[1] + y * slopes_down
                for x in range(across):
                    at, slope = p + x * right, q + x * slopes_right
                    tile = add_products(tile, work, sources, at, work, slope)
        store_tile(tile, grads, targets)

    return tap_gradients


def _gradients_of(vectors: int) -> Any:
    """Return the function for all inputs and some vectors of outputs."""
    many, four, one = (_tap_gradients_of(rows, vectors) for rows in (ROWS, 4, 1))

    @compiled
    def gradients(
        jobs: Any, job: int, count: int, work: Any, source: Any, grad: Any, sums: Any
    ) -> None:
        grads, start, ld = sums
        begin = job + HEAD + ENTRY * jobs[job]
        for row in range(job + HEAD, begin, ENTRY):
            for column in range(begin, begin + ENTRY * jobs[job + 1], ENTRY):
                tap, run, i = (row, column), jobs[column + RUN], 0
                slope = grad[0] + jobs[row + OTHER] + jobs[column + OTHER], grad[1]
                at = source[0] + jobs[row + SOURCE] + jobs[column + SOURCE]
                to = start + jobs[row + TARGET] + jobs[column + TARGET]
                while i < run:
                    rows, images = tile_rows(run - i), (at + i, source[1])
                    rest = grads, to + i * ld, ld
                    if rows == ROWS:
                        many(jobs, job, tap, count, work, images, slope, rest)
                    elif rows == 4:
                        four(jobs, job, tap, count, work, images, slope, rest)
                    else:
                        one(jobs, job, tap, count, work, images, slope, rest)
                    i += rows

    return gradients


_narrow_gradients, _wide_gradients = _gradients_of(1), _gradients_of(VECTORS)
