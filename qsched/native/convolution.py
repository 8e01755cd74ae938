"""Direct convolution: no matrix of patches is made, which would not stay in cache.

Images are [examples, height, width, channels]. Six output pixels of one vector of channels stay in
registers while taps and input channels run, see :mod:`qsched.native.geometry` for which are which.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.geometry import HEAD
from qsched.native.simd import fill, fma, load, spread, store, width

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
                for i in range(across * ld):
                    work[to + i] = work[at + i]
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
    taps, run, pixels = jobs[job], jobs[job + 1], jobs[job + 2]
    first = job + HEAD + 2 * taps
    for example in range(examples):
        at, target = source[0] + example * source[1], to[0] + example * to[1]
        i = 0
        while i < pixels:
            left, place = pixels - i, first + 2 * i
            for n in range(0, weights[1], width(c)):
                if left >= 6 and left != 8:
                    _six(jobs, job, place, taps, run, a, at, w, weights, n, c, target + n)
                elif left >= 4:
                    _four(jobs, job, place, taps, run, a, at, w, weights, n, c, target + n)
                else:
                    _one(jobs, job, place, taps, run, a, at, w, weights, n, c, target + n)
            i += 6 if left >= 6 and left != 8 else 4 if left >= 4 else 1
    return int(first + 2 * pixels)


@compiled
def _six(
    jobs: Any,
    job: int,
    place: int,
    taps: int,
    run: int,
    a: Any,
    at: int,
    w: Any,
    weights: Any,
    n: int,
    c: Any,
    to: int,
) -> None:
    a0, a1, a2 = at + jobs[place], at + jobs[place + 2], at + jobs[place + 4]
    a3, a4, a5 = at + jobs[place + 6], at + jobs[place + 8], at + jobs[place + 10]
    c0 = c1 = c2 = c3 = c4 = c5 = fill(c, 0.0)
    for tap in range(taps):
        p, q = jobs[job + HEAD + 2 * tap], weights[0] + jobs[job + HEAD + 2 * tap + 1] + n
        for i in range(p, p + run):
            v = load(w, q)
            c0 = fma(spread(a, a0 + i), v, c0)
            c1 = fma(spread(a, a1 + i), v, c1)
            c2 = fma(spread(a, a2 + i), v, c2)
            c3 = fma(spread(a, a3 + i), v, c3)
            c4 = fma(spread(a, a4 + i), v, c4)
            c5 = fma(spread(a, a5 + i), v, c5)
            q += weights[1]
    store(c, to + jobs[place + 1], c0)
    store(c, to + jobs[place + 3], c1)
    store(c, to + jobs[place + 5], c2)
    store(c, to + jobs[place + 7], c3)
    store(c, to + jobs[place + 9], c4)
    store(c, to + jobs[place + 11], c5)


@compiled
def _four(
    jobs: Any,
    job: int,
    place: int,
    taps: int,
    run: int,
    a: Any,
    at: int,
    w: Any,
    weights: Any,
    n: int,
    c: Any,
    to: int,
) -> None:
    a0, a1 = at + jobs[place], at + jobs[place + 2]
    a2, a3 = at + jobs[place + 4], at + jobs[place + 6]
    c0 = c1 = c2 = c3 = fill(c, 0.0)
    for tap in range(taps):
        p, q = jobs[job + HEAD + 2 * tap], weights[0] + jobs[job + HEAD + 2 * tap + 1] + n
        for i in range(p, p + run):
            v = load(w, q)
            c0 = fma(spread(a, a0 + i), v, c0)
            c1 = fma(spread(a, a1 + i), v, c1)
            c2 = fma(spread(a, a2 + i), v, c2)
            c3 = fma(spread(a, a3 + i), v, c3)
            q += weights[1]
    store(c, to + jobs[place + 1], c0)
    store(c, to + jobs[place + 3], c1)
    store(c, to + jobs[place + 5], c2)
    store(c, to + jobs[place + 7], c3)


@compiled
def _one(
    jobs: Any,
    job: int,
    place: int,
    taps: int,
    run: int,
    a: Any,
    at: int,
    w: Any,
    weights: Any,
    n: int,
    c: Any,
    to: int,
) -> None:
    start, total = at + jobs[place], fill(c, 0.0)
    for tap in range(taps):
        p, q = jobs[job + HEAD + 2 * tap], weights[0] + jobs[job + HEAD + 2 * tap + 1] + n
        for i in range(p, p + run):
            total = fma(spread(a, start + i), load(w, q), total)
            q += weights[1]
    store(c, to + jobs[place + 1], total)


@compiled
def weights_gradient(
    jobs: Any, job: int, examples: int, work: Any, source: Any, grad: Any, grads: Any, weight: Any
) -> None:
    """Write the gradient of the weights.

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
    taps, run, pixels = jobs[job], jobs[job + 1], jobs[job + 2]
    place, ld = job + HEAD + 2 * taps, weight[1]
    for i in range(weight[0], weight[0] + taps * run * ld, width(grads)):
        store(grads, i, fill(grads, 0.0))
    for example in range(examples):
        image, slope = source[0] + example * source[1], grad[0] + example * grad[1]
        for tap in range(taps):
            at, to = image + jobs[job + HEAD + 2 * tap], weight[0] + tap * run * ld
            for n in range(0, ld, width(grads)):
                i = 0
                while i < run:
                    left, p, q = run - i, at + i, to + i * ld + n
                    if left >= 6:
                        _six_gradients(jobs, place, pixels, work, p, slope + n, grads, q, ld)
                        i += 6
                    elif left >= 3:
                        _three_gradients(jobs, place, pixels, work, p, slope + n, grads, q, ld)
                        i += 3
                    else:
                        _gradient(jobs, place, pixels, work, p, slope + n, grads, q)
                        i += 1


@compiled
def _six_gradients(
    jobs: Any,
    place: int,
    pixels: int,
    work: Any,
    at: int,
    slope: int,
    grads: Any,
    to: int,
    ld: int,
) -> None:
    c0, c1, c2 = load(grads, to), load(grads, to + ld), load(grads, to + 2 * ld)
    c3, c4, c5 = load(grads, to + 3 * ld), load(grads, to + 4 * ld), load(grads, to + 5 * ld)
    for i in range(place, place + 2 * pixels, 2):
        v, p = load(work, slope + jobs[i + 1]), at + jobs[i]
        c0 = fma(spread(work, p), v, c0)
        c1 = fma(spread(work, p + 1), v, c1)
        c2 = fma(spread(work, p + 2), v, c2)
        c3 = fma(spread(work, p + 3), v, c3)
        c4 = fma(spread(work, p + 4), v, c4)
        c5 = fma(spread(work, p + 5), v, c5)
    store(grads, to, c0)
    store(grads, to + ld, c1)
    store(grads, to + 2 * ld, c2)
    store(grads, to + 3 * ld, c3)
    store(grads, to + 4 * ld, c4)
    store(grads, to + 5 * ld, c5)


@compiled
def _three_gradients(
    jobs: Any,
    place: int,
    pixels: int,
    work: Any,
    at: int,
    slope: int,
    grads: Any,
    to: int,
    ld: int,
) -> None:
    c0, c1, c2 = load(grads, to), load(grads, to + ld), load(grads, to + 2 * ld)
    for i in range(place, place + 2 * pixels, 2):
        v, p = load(work, slope + jobs[i + 1]), at + jobs[i]
        c0 = fma(spread(work, p), v, c0)
        c1 = fma(spread(work, p + 1), v, c1)
        c2 = fma(spread(work, p + 2), v, c2)
    store(grads, to, c0)
    store(grads, to + ld, c1)
    store(grads, to + 2 * ld, c2)


@compiled
def _gradient(
    jobs: Any, place: int, pixels: int, work: Any, at: int, slope: int, grads: Any, to: int
) -> None:
    total = load(grads, to)
    for i in range(place, place + 2 * pixels, 2):
        total = fma(spread(work, at + jobs[i]), load(work, slope + jobs[i + 1]), total)
    store(grads, to, total)
