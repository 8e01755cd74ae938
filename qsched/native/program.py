"""A network as compiled code reads it: a table of operations, and where everything lies.

Layout of one lane, with ``ld`` the number of channels rounded up to whole vectors:

* activations are [examples, positions, ld], one region of the array ``work`` for the output of
  each operation; features have one position. The network's input is not padded.
* weights are [kernel, kernel, inputs, ld] with the outputs last; biases, scales and shifts [ld].
  They lie in one array in the order of the plan's blocks, weights first.
* running statistics are [ld] for each normalization.

What pads weights, scales and shifts starts at 0 and stays there, since the gradients of padding
are 0: the loss starts them so, and every backward pass keeps them so. Padding of activations is
never read as a number that matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool,
)
from qsched.lanes.plan import Block, Node, Plan
from qsched.native.geometry import Convolution
from qsched.native.simd import BYTES, ROWS

__all__ = ["Program", "make_program"]

# Kinds of operations.
LINEAR, CONV, NORM, ACTIVATION, MAX_POOL, MEAN_POOL, FLATTEN = range(7)

# Columns of the table. PIXELS are positions of one example behind the operation, CHANNELS and LD
# numbers and padded numbers there; IN_... those before it. SOURCE and TARGET are places in `work`,
# WEIGHT, BIAS, SCALE and SHIFT in the parameters (-1: none), STATS in the running statistics. SITE
# is the index of the quantizer (-1: none), for a normalization that of the activation behind it,
# which is then no operation of its own, PLACE the weights' first column among quantized ones.
# FIRST marks the operation whose input needs no gradient. IMAGES is 1 where the output is images,
# else 0. JOB, BACK and SLOPE are the places in `jobs` of a convolution's forward pass and of the
# gradients of its input and of its weights. BORDERED is the place in `work` of one image of its
# input in a frame of zeros, where the gradient of its weights needs that (else -1).
(
    KIND,
    SOURCE,
    TARGET,
    PIXELS,
    CHANNELS,
    LD,
    IN_PIXELS,
    IN_CHANNELS,
    IN_LD,
    WEIGHT,
    BIAS,
    PLACE,
    SITE,
    SCALE,
    SHIFT,
    STATS,
    FIRST,
    IN_HEIGHT,
    IN_WIDTH,
    SIZE,
    STRIDE,
    PADDING,
    BORDERED,
    IMAGES,
    JOB,
    BACK,
    SLOPE,
    COLUMNS,
) = range(28)

BLOCK = 4096
"""Numbers of a block of rows, see :mod:`qsched.native.blocks`."""

GROUP = ROWS
"""Images that convolutions take at a time, see :mod:`qsched.native.images`: those of a tile."""

FLOATS = 16
"""Regions begin at multiples of so many numbers, cache lines of float32."""


@dataclass(frozen=True)
class Program:
    """A network laid out for one type and batch size.

    Attributes:
        ops: table of operations, [N, COLUMNS] int64.
        jobs: tables of all convolutions, see :mod:`qsched.native.geometry`, int64.
        batch: examples of a batch.
        work: length of the array of activations.
        grads: places in it of the two regions for gradients of activations.
        hard: examples that the hard network takes at a time.
        turned: length of the array for one layer's transposed weights, and for rows of padding.
        samples: length of the array for random numbers of one quantizer.
        size: length of the array of parameters.
        weights: length of its part that is weights.
        statistics: length of the array of running means.
        columns: where each column of the plan's row lies among the parameters, [P].
        tensors: where each tensor begins among the quantized weights, and the end of the last.
        running: where each column of the plan's running statistics lies, [S].
        logits: place of the network's output in ``work``.
    """

    ops: np.ndarray
    jobs: np.ndarray
    batch: int
    work: int
    grads: tuple[int, int]
    hard: int
    turned: int
    samples: int
    size: int
    weights: int
    statistics: int
    columns: np.ndarray
    tensors: np.ndarray
    running: np.ndarray
    logits: int


def make_program(plan: Plan, batch: int, dtype: np.dtype) -> Program:
    """Lay out a network.

    Args:
        plan: the network; a sequence of layers that native lanes cover.
        batch: examples of a batch.
        dtype: float32 or float64.
    """
    return _Layout(plan, batch, BYTES // dtype.itemsize).program()


class _Layout:
    def __init__(self, plan: Plan, batch: int, vector: int) -> None:
        self.plan, self.batch, self.vector = plan, batch, vector
        self.starts, self.size, self.weights = self._parameters()
        self.columns = np.zeros(plan.size, np.int64)
        self.running = np.zeros(plan.statistics, np.int64)
        self.statistics = 0
        self.work, self.jobs, self.next_job = 0, list[np.ndarray](), 1

    def padded(self, count: int) -> int:
        return -(-count // self.vector) * self.vector

    def program(self) -> Program:
        nodes = self.plan.nodes
        source, ld = self._region(prod(nodes[0].inputs) * self.batch), 0
        sites = {block.name: i for i, block in enumerate(self.plan.weight_blocks)}
        rows: list[np.ndarray] = []
        for node in nodes:
            if isinstance(node.layer, Flatten) and (not rows or len(node.inputs) == 1):
                continue  # The input is flat already.
            if isinstance(node.layer, Activation) and rows and rows[-1][KIND] == NORM:
                rows[-1][SITE] = node.site
                continue
            row = self._operation(node, source, ld or _channels(node.inputs), sites)
            rows.append(row)
            source, ld = int(row[TARGET]), int(row[LD])
        ops = np.stack(rows)
        self._mark_first(ops)
        weighted = ops[ops[:, WEIGHT] >= 0]
        turned = (weighted[:, SIZE] ** 2 * weighted[:, CHANNELS] + self.vector) * weighted[
            :, IN_LD
        ]
        largest = int((ops[:, PIXELS] * ops[:, LD]).max())
        wide = max(largest, int((ops[1:, IN_PIXELS] * ops[1:, IN_LD]).max(initial=0)))
        return Program(
            ops,
            np.concatenate([np.zeros(1, np.int64), *self.jobs]),
            self.batch,
            grads=(self._region(wide * self.batch), self._region(wide * self.batch)),
            hard=min(self.batch, GROUP) if (ops[:, KIND] == CONV).any() else self.batch,
            work=self.work,
            turned=int(turned.max()),
            samples=max(self.weights, largest * self.batch),
            size=self.size,
            weights=self.weights,
            statistics=self.statistics,
            columns=self.columns,
            tensors=np.array([b.start for b in self.plan.weight_blocks] + [self.plan.quantized]),
            running=self.running,
            logits=source,
        )

    def _region(self, size: int) -> int:
        start = self.work
        self.work += -(-size // FLOATS) * FLOATS
        return start

    def _parameters(self) -> tuple[dict[str, int], int, int]:
        starts, size, weights = {}, 0, 0
        for block in self.plan.blocks:
            starts[block.name] = size
            size += prod(block.shape[1:]) * self.padded(block.shape[0])
            weights = size if block.kind == "weight" else weights
        return starts, size, weights

    def _operation(self, node: Node, source: int, in_ld: int, sites: dict[str, int]) -> np.ndarray:
        row = np.full(COLUMNS, -1)
        channels = _channels(node.outputs)
        ld = self.padded(channels)
        row[[KIND, SOURCE, FIRST, SIZE]] = _kind(node), source, 0, 1
        row[IMAGES] = len(node.outputs) > 1
        row[[PIXELS, CHANNELS, LD]] = _pixels(node.outputs), channels, ld
        row[[IN_PIXELS, IN_CHANNELS, IN_LD]] = _pixels(node.inputs), _channels(node.inputs), in_ld
        for kind, column in (("bias", BIAS), ("scale", SCALE), ("shift", SHIFT)):
            if kind in node.blocks:
                block = node.blocks[kind]
                row[column] = self.starts[block.name]
                self.columns[block.columns] = row[column] + np.arange(channels)
        if "weight" in node.blocks:
            block = node.blocks["weight"]
            row[[WEIGHT, PLACE]] = self.starts[block.name], block.start
            row[SITE] = sites.get(block.name, -1)
            self.columns[block.columns] = row[WEIGHT] + _places(block, ld)
        if isinstance(node.layer, BatchNorm):
            row[STATS] = self.statistics
            used = slice(node.statistics, node.statistics + channels)
            self.running[used] = self.statistics + np.arange(channels)
            self.statistics += ld
        if isinstance(node.layer, Activation):
            row[SITE] = node.site
        if len(node.inputs) == 3:
            row[[IN_HEIGHT, IN_WIDTH]] = node.inputs[1:]
        if isinstance(node.layer, MaxPool):
            row[SIZE] = node.layer.size
        if isinstance(node.layer, Conv):
            self._convolution(row, node.layer, node.outputs[1:])
        row[TARGET] = self._region(self.batch * int(row[PIXELS]) * ld)
        return row

    def _mark_first(self, ops: np.ndarray) -> None:
        """Mark the first operation with parameters: nothing before it needs a gradient."""
        having = (ops[:, [WEIGHT, SCALE]] >= 0).any(axis=1)
        ops[int(np.argmax(having)), FIRST] = 1

    def _convolution(self, row: np.ndarray, layer: Conv, outputs: tuple[int, ...]) -> None:
        height, width = int(row[IN_HEIGHT]), int(row[IN_WIDTH])
        inputs, padding = int(row[IN_CHANNELS]), layer.padding
        row[[SIZE, STRIDE, PADDING]] = layer.kernel, layer.stride, padding
        shape = Convolution(
            (height, width),
            (outputs[0], outputs[1]),
            layer.kernel,
            layer.stride,
            padding,
            (inputs, int(row[CHANNELS])),
            (int(row[IN_LD]), int(row[LD])),
        )
        row[JOB], row[BACK] = self._job(shape.forward()), self._job(shape.inputs_gradient())
        if shape.framed:
            row[BORDERED] = self._region((height + 2 * padding) * (width + 2 * padding) * inputs)
            row[SLOPE] = self._job(shape.patch_gradient())
        else:
            row[SLOPE] = self._job(shape.weights_gradient())

    def _job(self, record: np.ndarray) -> int:
        place = self.next_job
        self.jobs.append(record)
        self.next_job += len(record)
        return place


def _channels(shape: tuple[int, ...]) -> int:
    return shape[0]


def _pixels(shape: tuple[int, ...]) -> int:
    return prod(shape[1:])


def _kind(node: Node) -> int:
    kinds: dict[type, int] = {
        Linear: LINEAR,
        Conv: CONV,
        BatchNorm: NORM,
        Activation: ACTIVATION,
        MaxPool: MAX_POOL,
        GlobalAveragePool: MEAN_POOL,
        Flatten: FLATTEN,
    }
    return kinds[type(node.layer)]


def _places(block: Block, ld: int) -> np.ndarray:
    """Return where each weight of a block [outputs, inputs, ...] lies behind its start."""
    outputs, inputs, *kernel = block.shape
    taps = prod(kernel)
    output, entry, tap = np.ogrid[:outputs, :inputs, :taps]
    places: np.ndarray = (tap * inputs + entry) * ld + output
    return places.reshape(-1)
