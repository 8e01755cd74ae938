"""Which inputs make which outputs of a convolution, as tables of distances.

A *job* says how some pixels of an image are sums over taps of another one:

    out[pixel] = sum over taps and r < run of in[source of pixel + of tap + r] w[place of tap + r]

Its record: number of taps, run, number of pixels; two numbers a tap (source, place of the weights'
row); two numbers a pixel (source, target). The forward pass is one job, the gradient of the input
one job for each remainder of the coordinates by the stride, since those meet the same taps. Both
images have a border of zeros where taps reach beyond.
"""

from __future__ import annotations

import numpy as np

__all__ = ["backward_border", "backward_jobs", "forward_job"]

HEAD = 3

SHORTEST = 8
"""Runs shorter than this are not worth a loop of their own."""


def forward_job(
    image: tuple[int, int], outputs: tuple[int, int], kernel: tuple[int, int, int], ld: int
) -> np.ndarray:
    """Return the job of the forward pass.

    A tap is a whole row of the kernel, whose inputs lie one behind the other; where those are few,
    a single one of them.

    Args:
        image: height and width of the input with its border.
        outputs: height and width of the output.
        kernel: side, stride, number of input channels.
        ld: length of an output pixel and of a row of weights.
    """
    side, stride, channels = kernel
    row = side * channels
    run = row if row >= SHORTEST else 1
    taps = [
        (i * image[1] * channels + j, (i * row + j) * ld)
        for i in range(side)
        for j in range(0, row, run)
    ]
    y, x = np.indices(outputs).reshape(2, -1)
    sources = (y * stride * image[1] + x * stride) * channels
    return _record(run, taps, sources, np.arange(len(y)) * ld)


def backward_border(side: int, stride: int) -> int:
    """Return how wide a border of zeros the gradient of the output needs."""
    return -(-(side - 1) // stride)


def backward_jobs(
    image: tuple[int, int],
    outputs: tuple[int, int],
    kernel: tuple[int, int, int],
    lds: tuple[int, int],
    channels: int,
) -> np.ndarray:
    """Return the jobs of the gradient of the input, one after the other.

    Weights are read transposed: [side, side, output channels, ld of the input].

    Args:
        image: height and width of the input, without border.
        outputs: height and width of the output, without border.
        kernel: side, stride, padding.
        lds: lengths of a pixel of the input and of the output.
        channels: number of output channels.
    """
    side, stride, padding = kernel
    in_ld, ld = lds
    border = backward_border(side, stride)
    width = outputs[1] + 2 * border
    jobs = []
    for row in range(stride):
        for column in range(stride):
            # Input (y, x) meets output ((y + padding - i) / stride, ...) where that is whole.
            taps = [
                (-((i // stride) * width + j // stride) * ld, (i * side + j) * channels * in_ld)
                for i in range(row, side, stride)
                for j in range(column, side, stride)
            ]
            y = np.arange((row - padding) % stride, image[0], stride)[:, None]
            x = np.arange((column - padding) % stride, image[1], stride)[None, :]
            origin_y, origin_x = (y + padding) // stride + border, (x + padding) // stride + border
            sources = (origin_y * width + origin_x) * ld
            jobs.append(_record(channels, taps, sources, (y * image[1] + x) * in_ld))
    return np.concatenate(jobs)


def _record(
    run: int, taps: list[tuple[int, int]], sources: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    pixels = np.stack([sources.reshape(-1), targets.reshape(-1)], axis=1)
    head = [len(taps), run, len(pixels)]
    return np.concatenate([head, np.array(taps, np.int64).reshape(-1), pixels.reshape(-1)])
