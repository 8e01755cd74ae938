"""Direct convolution: no matrix of patches is made, which would not stay in cache.

Images are [examples, height, width, channels]. A tile, some output pixels of one or two vectors of
channels, stays in registers while taps and input channels run, see :mod:`qsched.native.geometry`
for which are which; in the gradient of the weights one of inputs and vectors, while pixels run.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.geometry import HEAD
from qsched.native.simd import (
    ROWS,
    VECTORS,
    add_products,
    copy,
    equal_steps,
    load_tile,
    store_tile,
    table_steps,
    tile_rows,
    width,
    zero_tile,
)

__all__ = ["add_border", "convolve", "weights_gradient"]


@compiled
def add_border(
    work: Any, source: int, image: Any, ld: int, target: int, channels: int, border: int
) -> None:
    """Copy images into a larger, zero frame, whose pixels are ``channels`` long.

    Args:
        work: array of activations.
        source: place of the images.
        image: (examples, height, width).
        ld: length of their pixels; at least ``channels``.
        target: place of the larger images; their border is left as it is.
        channels: how many numbers of a pixel to copy.
        border: width of the border.
    """
    examples, height, across = image
    wide = across + 2 * border
    for example in range(examples):
        for y in range(height):
            row = (example * (height + 2 * border) + y + border) * wide + border
            at, to = source + (example * height + y) * across * ld, target + row * channels
            if ld == channels:
                copy(work, at, work, to, across * ld)
            else:
                for x in range(across):
                    for c in range(channels):
                        work[to + x * channels + c] = work[at + x * ld + c]


@compiled
def convolve(
    jobs: Any, job: int, examples: int, a: Any, source: Any, w: Any, weights: Any, c: Any, to: Any
) -> int:
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

    Returns:
        Place of the next job.
    """
    taps, pixels, size = jobs[job], jobs[job + 2], width(c)
    first = job + HEAD + 2 * taps
    for example in range(examples):
        at, target = source[0] + example * source[1], to[0] + example * to[1]
        i = 0
        while i < pixels:
            rows, n = tile_rows(pixels - i), 0
            place = first + 2 * i
            while n < weights[1]:
                wide = VECTORS > 1 and weights[1] - n > size
                pixel = place, at, target + n
                if wide:
                    _wide(rows, jobs, job, pixel, a, w, weights[0] + n, weights[1], c)
                else:
                    _narrow(rows, jobs, job, pixel, a, w, weights[0] + n, weights[1], c)
                n += VECTORS * size if wide else size
            i += rows
    return int(first + 2 * pixels)


def _pixels_of(rows: int, vectors: int) -> Any:
    """Return the loop for some pixels, whose records begin at ``pixel[0]``."""

    @compiled
    def pixels(
        jobs: Any, job: int, pixel: Any, a: Any, w: Any, weights: int, ld: int, c: Any
    ) -> None:
        place, at, target = pixel
        taps, run = jobs[job], jobs[job + 1]
        tile = zero_tile(c, rows, vectors)
        sources = table_steps(tile, jobs, place, at)
        for tap in range(taps):
            p, q = jobs[job + HEAD + 2 * tap], weights + jobs[job + HEAD + 2 * tap + 1]
            for i in range(run):
                tile = add_products(tile, a, sources, p + i, w, q + i * ld)
        store_tile(tile, c, table_steps(tile, jobs, place + 1, target))

    return pixels


def _any_pixels_of(vectors: int) -> Any:
    """Return the function for one, four or many pixels."""
    many, four, one = (_pixels_of(rows, vectors) for rows in (ROWS, 4, 1))

    @compiled
    def any_pixels(
        rows: int,
        jobs: Any,
        job: int,
        pixel: Any,
        a: Any,
        w: Any,
        weights: int,
        ld: int,
        c: Any,
    ) -> None:
        if rows == ROWS:
            many(jobs, job, pixel, a, w, weights, ld, c)
        elif rows == 4:
            four(jobs, job, pixel, a, w, weights, ld, c)
        else:
            one(jobs, job, pixel, a, w, weights, ld, c)

    return any_pixels


_narrow, _wide = _any_pixels_of(1), _any_pixels_of(VECTORS)


@compiled
def weights_gradient(
    jobs: Any, job: int, examples: int, work: Any, source: Any, grad: Any, grads: Any, weight: Any
) -> None:
    """Add the gradient of the weights.

    Args:
        jobs: table of jobs.
        job: place of that of the forward pass.
        examples: number of images.
        work: array of activations.
        source: (place of the bordered input in it, distance of images).
        grad: (place of the output's gradient in it, distance of images).
        grads: array of gradients.
        weight: (place in it, length of a row).
    """
    first, ld = job + HEAD + 2 * jobs[job], weight[1]
    pixels = first, first + 2 * jobs[job + 2]
    for example in range(examples):
        image, slope = source[0] + example * source[1], grad[0] + example * grad[1]
        n = 0
        while n < ld:
            wide = VECTORS > 1 and ld - n > width(grads)
            sums = grads, weight[0] + n, ld
            if wide:
                _wide_gradients(jobs, job, pixels, work, image, slope + n, sums)
            else:
                _narrow_gradients(jobs, job, pixels, work, image, slope + n, sums)
            n += VECTORS * width(grads) if wide else width(grads)


def _tile_gradients_of(rows: int, vectors: int, scattered: bool) -> Any:
    """Return the loop for the weights of some inputs, one behind the other or taps of run 1."""

    @compiled
    def tile_gradients(
        jobs: Any, pixels: Any, work: Any, image: int, entry: int, slope: int, sums: Any
    ) -> None:
        grads, to, ld = sums
        shape = zero_tile(grads, rows, vectors)
        if scattered:
            sources = table_steps(shape, jobs, entry, image)
        else:
            sources = equal_steps(shape, image + entry, 1)
        targets = equal_steps(shape, to, ld)
        tile = load_tile(shape, grads, targets)
        for i in range(pixels[0], pixels[1], 2):
            tile = add_products(tile, work, sources, jobs[i], work, slope + jobs[i + 1])
        store_tile(tile, grads, targets)

    return tile_gradients


def _run_gradients_of(vectors: int, scattered: bool) -> Any:
    """Return the function for the weights of one run, or of all taps of run 1."""
    many, four, one = (_tile_gradients_of(rows, vectors, scattered) for rows in (ROWS, 4, 1))
    step = 2 if scattered else 1

    @compiled
    def run_gradients(
        jobs: Any, pixels: Any, work: Any, image: int, entry: int, run: int, slope: int, sums: Any
    ) -> None:
        grads, to, ld = sums
        i = 0
        while i < run:
            rows, at, rest = tile_rows(run - i), entry + step * i, (grads, to + i * ld, ld)
            if rows == ROWS:
                many(jobs, pixels, work, image, at, slope, rest)
            elif rows == 4:
                four(jobs, pixels, work, image, at, slope, rest)
            else:
                one(jobs, pixels, work, image, at, slope, rest)
            i += rows

    return run_gradients


def _gradients_of(vectors: int) -> Any:
    """Return the function for all inputs and some vectors of outputs."""
    run_gradients = _run_gradients_of(vectors, False)
    tap_gradients = _run_gradients_of(vectors, True)

    @compiled
    def gradients(
        jobs: Any, job: int, pixels: Any, work: Any, image: int, slope: int, sums: Any
    ) -> None:
        grads, to, ld = sums
        taps, run = jobs[job], jobs[job + 1]
        if run == 1:
            tap_gradients(jobs, pixels, work, image, job + HEAD, taps, slope, sums)
            return
        for tap in range(taps):
            entry, rest = jobs[job + HEAD + 2 * tap], (grads, to + tap * run * ld, ld)
            run_gradients(jobs, pixels, work, image, entry, run, slope, rest)

    return gradients


_narrow_gradients, _wide_gradients = _gradients_of(1), _gradients_of(VECTORS)
