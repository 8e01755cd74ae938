"""Which numbers meet in a convolution, as tables of distances.

A *job* says how the numbers of a grid are sums over a grid of taps, of products of two operands:

    out[y, x] = sum over t < taps of y and u < taps of x of a[y, x, t, u] b[y, x, t, u]

Only taps that exist count: an output at an edge has fewer of them, so images need no border. A
place in an operand is a sum of what belongs to y, to x, to t and to u. The record of a job: number
of rows and of columns; distances of a's and of b's places from t to t + 1, then from u to u + 1;
an entry for each row, then for each column: its number of taps, its places in a, in b and in the
output, and how many numbers follow each other at a tap.

The output is such a job, of inputs and weights; so is the gradient of the input, of gradients of
outputs and weights; and so is the gradient of the weights, of inputs and gradients of outputs,
where taps are the grid, and what is summed over are pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["ENTRY", "HEAD", "PATCH", "Convolution"]

HEAD, ENTRY, PATCH = 6, 5, 7


@dataclass(frozen=True)
class Convolution:
    """Shape of a convolution, and the jobs that it consists of.

    Attributes:
        inputs: height and width of the input.
        outputs: height and width of the output.
        side: of the kernel.
        stride: distance of the kernel's places.
        padding: how far the kernel reaches beyond the input.
        channels: number of input and of output channels.
        lds: lengths of a pixel of the input and of the output.
    """

    inputs: tuple[int, int]
    outputs: tuple[int, int]
    side: int
    stride: int
    padding: int
    channels: tuple[int, int]
    lds: tuple[int, int]

    @property
    def framed(self) -> bool:
        """Whether channels are too few, or too odd a number, to fill tiles at a single tap."""
        return self.channels[0] % 4 > 0

    def forward(self) -> np.ndarray:
        """Return the job of the output; weights are [side, side, input channels, output ld]."""
        return _record(self._forward)

    def inputs_gradient(self) -> np.ndarray:
        """Return the job of the gradient of the input.

        Weights are read transposed: [side, side, output channels, input ld].
        """
        return _record(self._inputs_gradient)

    def weights_gradient(self) -> np.ndarray:
        """Return the job of the gradient of the weights."""
        return _record(self._weights_gradient)

    def patch_gradient(self) -> np.ndarray:
        """Return what is summed for the gradient of the weights of all taps at once.

        That is for an input that was copied into a frame of zeros, its pixels not padded. The
        record: number of weights of an output, height and width of the output, distances of
        inputs and of outputs from row to row, then from column to column; the place of each
        weight's input.
        """
        channels, ld = self.channels[0], self.lds[1]
        row = (self.inputs[1] + 2 * self.padding) * channels
        places = np.arange(self.side)[:, None] * row + np.arange(self.side * channels)
        steps = self.stride * row, self.outputs[1] * ld, self.stride * channels, ld
        return np.concatenate([[places.size, *self.outputs, *steps], places.reshape(-1)])

    def _steps(self, axis: int) -> tuple[int, int, int]:
        """Return distances of inputs, of outputs and of taps along an axis."""
        (height, width), (in_ld, ld) = (self.inputs[1], self.outputs[1]), self.lds
        return (height * in_ld, width * ld, self.side) if axis == 0 else (in_ld, ld, 1)

    def _forward(self, axis: int) -> tuple[int, int, np.ndarray]:
        step, out, tap = self._steps(axis)
        channels = self.channels[0]
        weight = tap * channels * self.lds[1]
        outputs = np.arange(self.outputs[axis])
        start = outputs * self.stride - self.padding
        first = np.maximum(-start, 0)
        count = np.maximum(np.minimum(self.inputs[axis] - start, self.side) - first, 0)
        run = np.full_like(count, channels)
        if axis == 1 and self.lds[0] == channels:
            # Inputs of a row of taps follow each other, as do weights.
            count, run = np.minimum(count, 1), count * channels
        entries = count, (start + first) * step, first * weight, outputs * out, run
        return step, weight, np.stack(entries, axis=1)

    def _inputs_gradient(self, axis: int) -> tuple[int, int, np.ndarray]:
        out, step, tap = self._steps(axis)
        channels, side, stride = self.channels[1], self.side, self.stride
        weight = tap * channels * self.lds[0]
        inputs = np.arange(self.inputs[axis])
        # Input y meets output (y + padding - i) / stride where that is whole.
        origin, rest = np.divmod(inputs + self.padding, stride)
        first = np.maximum(origin - self.outputs[axis] + 1, 0)
        last = np.minimum(origin + 1, -((rest - side) // stride))
        places = (origin - first) * step, (rest + first * stride) * weight, inputs * out
        entries = np.maximum(last - first, 0), *places, np.full_like(inputs, channels)
        return -step, stride * weight, np.stack(entries, axis=1)

    def _weights_gradient(self, axis: int) -> tuple[int, int, np.ndarray]:
        step, slope, tap = self._steps(axis)
        channels = self.channels[0]
        weight = tap * channels * self.lds[1]
        taps = np.arange(self.side)
        shift = taps - self.padding
        first = np.maximum(-(shift // self.stride), 0)
        last = np.minimum(-((shift - self.inputs[axis]) // self.stride), self.outputs[axis])
        places = (first * self.stride + shift) * step, first * slope, taps * weight
        entries = np.maximum(last - first, 0), *places, np.full_like(taps, channels)
        return self.stride * step, slope, np.stack(entries, axis=1)


def _record(axis: Callable[[int], tuple[int, int, np.ndarray]]) -> np.ndarray:
    """Return a record of what holds for rows and for columns: distances in a and b, entries."""
    (down, b_down, rows), (right, b_right, columns) = axis(0), axis(1)
    head = [len(rows), len(columns), down, b_down, right, b_right]
    return np.concatenate([head, rows.reshape(-1), columns.reshape(-1)])
