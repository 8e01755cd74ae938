"""The integer network: what a hard network computes, in integers alone.

Normalization and activation become integer thresholds for each channel. Where the normalization
scales by a negative number, the channel's weights are flipped before anything is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from qsched.deploy.bounds import Bounds, sum_bounds
from qsched.deploy.fold import Affine, integer_threshold
from qsched.deploy.records import (
    AvgPool,
    Conv,
    Flatten,
    HardNetwork,
    Input,
    Integers,
    Layer,
    Linear,
    MaxPool,
    Norm,
    Stair,
    Weighted,
)
from qsched.errors import InputError

__all__ = [
    "RESERVED",
    "IntegerNetwork",
    "Logits",
    "Node",
    "Operation",
    "Sum",
    "SumPool",
    "Threshold",
    "integer_network",
]

EXACT = 2**24
"""Integers up to here are exact in float32, which is what the exported networks compute in."""

RESERVED = ("x", "input", "logits")
"""Names of tensors in exported files, which no layer can have."""


@dataclass(frozen=True, eq=False)
class Sum:
    """A linear layer or a convolution: sums of inputs, weighted by integers.

    Attributes:
        weights: [O, D] or [O, C / groups, kh, kw].
        stride, padding, groups: of a convolution.
    """

    weights: Integers
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1


@dataclass(frozen=True, eq=False)
class Threshold:
    """Levels by comparison: ``levels[number of thresholds T with T <= x]``.

    Attributes:
        thresholds: of each channel, not decreasing, [C, B].
        levels: increasing, [B + 1].
    """

    thresholds: Integers
    levels: Integers


@dataclass(frozen=True)
class SumPool:
    """Sums over windows, without padding."""

    size: tuple[int, int]
    stride: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Logits:
    """From the last sums to logits: ``step * (factor * x + offset)``, offset [O].

    The integer in brackets is exact; the product with ``step`` is rounded once, to float32.
    """

    factor: int
    offset: Integers
    step: float


Operation = Sum | Threshold | MaxPool | SumPool | Flatten | Logits


@dataclass(frozen=True, eq=False)
class Node:
    """One operation of the chain.

    Attributes:
        name: unique in the network.
        layer: of the hard network's layer that it belongs to.
        operation: what it does.
        inputs: shape of one example before it.
        outputs: shape of one example behind it.
        low: smallest value that each channel can have behind it, [C].
        high: largest.
    """

    name: str
    layer: str
    operation: Operation
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    low: Integers
    high: Integers


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A chain of integer operations.

    Attributes:
        input: how inputs become integers.
        nodes: the chain; the last one makes logits.
    """

    input: Input
    nodes: tuple[Node, ...]


def integer_network(network: HardNetwork) -> IntegerNetwork:
    """Fold a hard network into integers, exactly.

    Args:
        network: the hard network.

    Raises:
        InputError: the chain cannot be computed in integers; the message names the layer.
    """
    return _Fold(network).run()


class _Fold:
    """Walks the chain; ``affines`` say what an integer of each channel stands for."""

    def __init__(self, network: HardNetwork) -> None:
        self.network, self.shape = network, network.input.shape
        channels = self.shape[0]
        low, high = network.input.low, network.input.high
        self.bounds = Bounds(np.full(channels, low), np.full(channels, high))
        self.affines = [Affine(Fraction(network.input.step))] * channels
        self.nodes: list[Node] = []
        self.sum: int | None = None  # index of the node whose thresholds are still to come
        self.normalized: Norm | None = None
        self.max_pooled = False  # sums that are not normalized yet

    def run(self) -> IntegerNetwork:
        for layer in self.network.layers:
            self.visit(layer)
        self.finish()
        return IntegerNetwork(self.network.input, tuple(self.nodes))

    def visit(self, layer: Layer) -> None:
        match layer:
            case Linear() | Conv():
                self.weighted(layer)
            case Norm():
                self.norm(layer)
            case Stair():
                self.stair(layer)
            case MaxPool():
                self.max_pooled |= self.normalized is None
                self.pool(layer, layer)
            case AvgPool():
                self.pool(layer, SumPool(layer.size, layer.stride))
                self.affines = [_divided(affine, prod(layer.size)) for affine in self.affines]
            case Flatten():
                self.flatten(layer)

    def weighted(self, layer: Linear | Conv) -> None:
        self.plain(layer.name)
        self.fits(layer)
        unit = self.affines[0].unit
        levels = layer.levels.astype(np.int64)
        if isinstance(layer, Linear):
            operation, shape = Sum(levels), (len(levels),)
        else:
            operation = Sum(levels, layer.stride, layer.padding, layer.groups)
            sides = zip(self.shape[1:], levels.shape[2:], layer.stride, layer.padding, strict=True)
            shape = (len(levels), *((n + 2 * p - k) // s + 1 for n, k, s, p in sides))
        bounds = sum_bounds(levels, self.bounds, layer)
        self.affines = [
            Affine(unit * Fraction(float(scale)), Fraction(float(bias)))
            for scale, bias in zip(layer.scale, _bias(layer), strict=True)
        ]
        self.sum, self.normalized, self.max_pooled = len(self.nodes), None, False
        self.add(layer.name, layer.name, operation, shape, bounds)

    def norm(self, layer: Norm) -> None:
        if self.normalized is not None:
            raise InputError(
                f"one normalization can be folded into thresholds, but `{layer.name}` follows "
                f"`{self.normalized.name}`; put an activation between them, or merge them"
            )
        self.normalized = layer
        rows = zip(self.affines, layer.mean, layer.variance, layer.scale, layer.shift, strict=True)
        self.affines = [
            Affine(
                affine.unit,
                affine.offset - Fraction(float(mean)),
                Fraction(float(scale)),
                Fraction(float(variance)) + Fraction(layer.eps),
                Fraction(float(shift)),
            )
            for affine, mean, variance, scale, shift in rows
        ]

    def stair(self, layer: Stair) -> None:
        self.flip(layer)
        edges = [Fraction(float(edge)) for edge in layer.thresholds]
        rows = [
            [integer_threshold(affine, edge, int(low), int(high)) for edge in edges]
            for affine, low, high in zip(
                self.affines, self.bounds.low, self.bounds.high, strict=True
            )
        ]
        operation = Threshold(np.array(rows, np.int64), layer.levels.astype(np.int64))
        channels = len(self.affines)
        levels = operation.levels
        bounds = Bounds(np.full(channels, levels[0]), np.full(channels, levels[-1]))
        owner = self.nodes[self.sum].layer if self.sum is not None else layer.name
        self.affines = [Affine(Fraction(float(layer.quantum)))] * channels
        self.sum, self.normalized, self.max_pooled = None, None, False
        self.add(layer.name, owner, operation, self.shape, bounds)

    def flip(self, layer: Stair) -> None:
        """Flip the weights of channels that normalization scales by a negative number."""
        negative = np.array([affine.slope < 0 for affine in self.affines])
        if not negative.any():
            return
        channels = ", ".join(map(str, np.flatnonzero(negative)))
        if self.sum is None or self.max_pooled:
            why, fix = (
                ("there are no weights", "put a layer with weights before it")
                if self.sum is None
                else (
                    "max pooling comes before the normalization",
                    "put the pooling behind the normalization or behind the activation",
                )
            )
            raise InputError(
                "a negative scale of normalization is folded by flipping weights, but before "
                f"`{layer.name}` (channels {channels}) {why}; {fix}, and train again"
            )
        for i in range(self.sum, len(self.nodes)):
            self.nodes[i] = _flipped(self.nodes[i], negative)
        self.affines = [a.flipped() if a.slope < 0 else a for a in self.affines]
        self.bounds = self.bounds.flipped(negative)

    def pool(self, layer: MaxPool | AvgPool, operation: MaxPool | SumPool) -> None:
        sides = zip(self.shape[1:], layer.size, layer.stride, strict=True)
        shape = (self.shape[0], *((n - k) // s + 1 for n, k, s in sides))
        bounds = self.bounds
        if isinstance(operation, SumPool):
            bounds = bounds.times(prod(layer.size))
        owner = self.nodes[self.sum].layer if self.sum is not None else layer.name
        self.add(layer.name, owner, operation, shape, bounds)

    def flatten(self, layer: Flatten) -> None:
        if len(self.shape) == 1:
            return
        if self.sum is not None:
            raise InputError(
                f"sums are flattened only behind their activation, but `{layer.name}` stands "
                f"between `{self.nodes[self.sum].name}` and its activation; move it behind"
            )
        pixels = prod(self.shape[1:])
        self.affines = [affine for affine in self.affines for _ in range(pixels)]
        shape, bounds = (prod(self.shape),), self.bounds.repeated(pixels)
        self.add(layer.name, layer.name, layer, shape, bounds)

    def add(
        self,
        name: str,
        owner: str,
        operation: Operation,
        shape: tuple[int, ...],
        bounds: Bounds,
    ) -> None:
        if name in RESERVED or any(node.name == name for node in self.nodes):
            taken = "a tensor of exported files" if name in RESERVED else "another layer"
            raise InputError(
                f"each layer of a network needs a name of its own, but `{name}` is that of "
                f"{taken}; trace and save the model again"
            )
        largest = bounds.largest
        if largest >= EXACT:
            raise InputError(
                f"sums must stay below 2^24 to be exact in float32, but those of `{name}` can "
                f"reach {largest:,}; use weights or inputs of fewer bits"
            )
        self.nodes.append(Node(name, owner, operation, self.shape, shape, bounds.low, bounds.high))
        self.shape, self.bounds = shape, bounds

    def plain(self, name: str) -> None:
        """Check that what stands before weights is integers times one unit."""
        if self.sum is not None or self.normalized is not None:
            raise InputError(
                f"the input of `{name}` is not quantized: there is no activation between it and "
                "the layer before it; quantize activations, too"
            )

    def fits(self, layer: Linear | Conv) -> None:
        """Check that a layer can read the shape before it."""
        if isinstance(layer, Linear):
            reads: tuple[int, ...] = (layer.levels.shape[1],)
            fits = self.shape == reads
        else:
            reads = (layer.levels.shape[1] * layer.groups, *layer.levels.shape[2:])
            padded = (n + 2 * p for n, p in zip(self.shape[1:], layer.padding, strict=False))
            fits = len(self.shape) == 3 and self.shape[0] == reads[0]
            fits = fits and all(n >= k for n, k in zip(padded, reads[1:], strict=True))
        if not fits:
            raise InputError(
                f"`{layer.name}` reads a shape of {reads} or more, but gets {self.shape}; "
                "flatten images before a fully connected layer, or enlarge the input"
            )

    def finish(self) -> None:
        last = self.nodes[self.sum] if self.sum is not None else None
        if last is None or self.normalized is not None or last is not self.nodes[-1]:
            raise InputError(
                "a network must end in a classifier, a layer with weights and nothing behind it, "
                f"but ends in `{self.network.layers[-1].name if self.network.layers else ''}`"
            )
        units = {affine.unit for affine in self.affines}
        if len(units) > 1:
            raise InputError(
                f"the classifier `{last.name}` must have one scale for all classes, "
                f"but has {len(units)}; logits would not be comparable as integers"
            )
        logits = _logits(self.affines, self.bounds)
        name = f"{last.name}.logits"
        low, high = (
            logits.factor * b + logits.offset for b in (self.bounds.low, self.bounds.high)
        )
        self.nodes.append(Node(name, last.layer, logits, self.shape, self.shape, low, high))


def _bias(layer: Weighted) -> Sequence[float]:
    return [0.0] * len(layer.levels) if layer.bias is None else [float(b) for b in layer.bias]


def _divided(affine: Affine, count: int) -> Affine:
    return Affine(affine.unit / count, affine.offset, affine.slope, affine.radicand, affine.shift)


def _flipped(node: Node, negative: np.ndarray) -> Node:
    operation = node.operation
    if isinstance(operation, Sum):
        signs = np.where(negative, -1, 1).reshape(-1, *[1] * (operation.weights.ndim - 1))
        operation = Sum(
            operation.weights * signs, operation.stride, operation.padding, operation.groups
        )
    bounds = Bounds(node.low, node.high).flipped(negative)
    return Node(
        node.name, node.layer, operation, node.inputs, node.outputs, bounds.low, bounds.high
    )


def _logits(affines: Sequence[Affine], bounds: Bounds) -> Logits:
    """Return logits whose offsets are as fine as float32 allows, unless they are integers."""
    unit = affines[0].unit
    offsets = [affine.offset / unit for affine in affines]
    factor = 1
    while any((offset * factor).denominator != 1 for offset in offsets):
        finest = max(map(abs, offsets)) * factor * 2 + bounds.largest * factor * 2 + 1
        if finest >= EXACT:
            break
        factor *= 2
    rounded = np.array([round(offset * factor) for offset in offsets], np.int64)
    return Logits(factor, rounded, float(unit / factor))
