"""The plan of a network: shapes, where every parameter lies in the flat buffer, its quantizers.

Parameters of one lane are one row: weights of quantized layers first (contiguous, so that all of
them are quantized in one call), then other weights, then biases, scales and shifts. Nothing here
needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Literal

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
from qsched.schedules import Place, depths

__all__ = ["Block", "Kind", "Node", "Plan", "make_plan"]

Shape = tuple[int, ...]
Kind = Literal["weight", "bias", "scale", "shift"]
ORDER: tuple[Kind, ...] = ("weight", "bias", "scale", "shift")


@dataclass
class Block:
    """One parameter tensor of one lane, and where it lies in the lane's row.

    Attributes:
        name: the layer's name and the kind, such as ``linear1.weight``.
        kind: what it is.
        shape: of one lane.
        fan_in: inputs of one output; 0 where it has no meaning.
        quantized: whether a weight quantizer acts on it.
        start: first column in the row.
    """

    name: str
    kind: Kind
    shape: Shape
    fan_in: int = 0
    quantized: bool = False
    start: int = 0

    @property
    def columns(self) -> slice:
        """The columns of the row that it takes."""
        return slice(self.start, self.start + prod(self.shape))


@dataclass
class Node:
    """One layer with all that computing it needs.

    Attributes:
        layer: the description.
        inputs: shape of one example before it: (C, H, W) or (D,).
        outputs: shape of one example behind it.
        blocks: its parameters, by kind.
        site: the activation quantizer's index in :attr:`Plan.places`, for an activation.
        statistics: first column of its running statistics, for a normalization.
        body: nodes of a residual's body.
        shortcut: nodes of a residual's shortcut.
    """

    layer: Layer
    inputs: Shape
    outputs: Shape
    blocks: dict[Kind, Block] = field(default_factory=dict)
    site: int = -1
    statistics: int = -1
    body: tuple[Node, ...] = ()
    shortcut: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A network as the lane engine computes it.

    Attributes:
        nodes: the layers, in order.
        blocks: all parameters, in the order of the row.
        places: the quantizers: of the weights first, in the order of the row, then of the
            activations.
        size: length of the row of parameters.
        weights: length of its part that is weights (weight decay acts on these).
        quantized: length of its part that is weights of quantized layers.
        statistics: length of the row of running means.
    """

    nodes: tuple[Node, ...]
    blocks: tuple[Block, ...]
    places: tuple[Place, ...]
    size: int
    weights: int
    quantized: int
    statistics: int

    @cached_property
    def weight_blocks(self) -> tuple[Block, ...]:
        """The quantized weights: block i belongs to place i."""
        return tuple(block for block in self.blocks if block.quantized)

    @property
    def widest(self) -> int:
        """Most values that one example has between two layers."""
        return max(prod(node.outputs) for node in _flat(self.nodes))

    def columns(self, kind: Kind) -> slice:
        """The columns of the row that parameters of one kind take (weights: all of them)."""
        found = [block for block in self.blocks if block.kind == kind]
        return slice(found[0].start, found[-1].columns.stop) if found else slice(0, 0)


def make_plan(layers: tuple[Layer, ...], shape: Shape) -> Plan:
    """Lay out a network for inputs of one shape.

    A layer with weights and the activation behind it share one depth. Depths are counted over all
    layers that have a quantizer of either role: i / (n - 1) for the i-th of n.

    Args:
        layers: the network.
        shape: of one example: (C, H, W) or (D,).

    Raises:
        InputError: a layer does not fit the shape before it.

    >>> from qsched.lanes.layers import Activation, BatchNorm, Linear
    >>> net = Linear(3), BatchNorm(), Activation(), Linear(2, quantized=False, bias=True)
    >>> plan = make_plan(net, (4,))
    >>> [(block.name, block.start) for block in plan.blocks][:3]
    [('linear1.weight', 0), ('linear2.weight', 12), ('linear2.bias', 18)]
    >>> [(place.role, place.name) for place in plan.places]
    [('weights', 'linear1'), ('activations', 'linear1.activation')]
    """
    walk = _Walk()
    nodes, _ = walk.sequence(layers, shape)
    return walk.plan(nodes)


class _Walk:
    """Visits the layers in order and numbers what it finds."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.current = -1
        self.blocks: list[Block] = []
        self.activations: list[tuple[int, Node]] = []
        self.weights: list[tuple[int, Block]] = []
        self.statistics = 0

    def sequence(self, layers: tuple[Layer, ...], shape: Shape) -> tuple[tuple[Node, ...], Shape]:
        nodes = []
        for layer in layers:
            node = self.visit(layer, shape)
            nodes.append(node)
            shape = node.outputs
        return tuple(nodes), shape

    def visit(self, layer: Layer, shape: Shape) -> Node:
        node = Node(layer, shape, shape)
        match layer:
            case Linear():
                _require(layer, shape, 1)
                node.outputs = (layer.features,)
                self.weighted(node, layer, (layer.features, *shape))
            case Conv():
                _require(layer, shape, 3)
                node.outputs = (layer.channels, *(_side(layer, side) for side in shape[1:]))
                kernel = (layer.kernel, layer.kernel)
                self.weighted(node, layer, (layer.channels, shape[0], *kernel))
            case BatchNorm():
                node.statistics = self.statistics
                self.statistics += shape[0]
                for kind in ("scale", "shift"):
                    self.parameter(node, kind, (shape[0],))
            case Activation():
                self.activations.append((max(self.current, 0), node))
            case MaxPool():
                _require(layer, shape, 3)
                node.outputs = (shape[0], *(side // layer.size for side in shape[1:]))
            case GlobalAveragePool():
                _require(layer, shape, 3)
                node.outputs = shape[:1]
            case Flatten():
                node.outputs = (prod(shape),)
            case Residual():
                self.residual(node, layer)
        if min(node.outputs) < 1:
            raise InputError(
                f"{type(layer).__name__} needs larger images, but gets a shape of {shape}; "
                "lower data.pool or use another network"
            )
        return node

    def weighted(self, node: Node, layer: Linear | Conv, shape: Shape) -> None:
        self.current = len(self.names)
        self.names.append(f"{type(layer).__name__.lower()}{len(self.names) + 1}")
        block = self.parameter(node, "weight", shape)
        block.fan_in, block.quantized = prod(shape[1:]), layer.quantized
        if layer.quantized:
            self.weights.append((self.current, block))
        if layer.bias:
            self.parameter(node, "bias", shape[:1]).fan_in = block.fan_in

    def residual(self, node: Node, layer: Residual) -> None:
        node.body, node.outputs = self.sequence(layer.body, node.inputs)
        # The activation behind the sum belongs to the body's last layer.
        last = self.current
        node.shortcut, skipped = self.sequence(layer.shortcut, node.inputs)
        self.current = last
        if skipped != node.outputs:
            raise InputError(
                "both branches of a residual must end in one shape, but the body ends in "
                f"{node.outputs} and the shortcut in {skipped}; give the shortcut a Conv"
            )

    def parameter(self, node: Node, kind: Kind, shape: Shape) -> Block:
        owner = self.names[self.current] if self.names else "input"
        block = Block(f"{owner}.{kind}", kind, shape)
        node.blocks[kind] = block
        self.blocks.append(block)
        return block

    def plan(self, nodes: tuple[Node, ...]) -> Plan:
        ordered = sorted(self.blocks, key=lambda b: (not b.quantized, ORDER.index(b.kind)))
        size = 0
        for block in ordered:
            block.start = size
            size = block.columns.stop
        return Plan(
            nodes,
            tuple(ordered),
            tuple(self.places()),
            size,
            sum(prod(block.shape) for block in ordered if block.kind == "weight"),
            sum(prod(block.shape) for block in ordered if block.quantized),
            self.statistics,
        )

    def places(self) -> Iterator[Place]:
        numbered = sorted({i for i, _ in self.weights} | {i for i, _ in self.activations})
        depth = dict(zip(numbered, depths(len(numbered)), strict=True))
        for i, _ in self.weights:
            yield Place("weights", depth[i], self.names[i])
        for site, (i, node) in enumerate(self.activations, start=len(self.weights)):
            node.site = site
            name = self.names[i] if self.names else "input"
            yield Place("activations", depth[i], f"{name}.activation")


def _flat(nodes: tuple[Node, ...]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _flat(node.body + node.shortcut)


def _side(layer: Conv, side: int) -> int:
    return (side + 2 * layer.padding - layer.kernel) // layer.stride + 1


def _require(layer: Layer, shape: Shape, axes: int) -> None:
    if len(shape) != axes:
        wanted = "features (D,)" if axes == 1 else "images (C, H, W)"
        hint = "put Flatten() before it" if axes == 1 else "it cannot stand behind Flatten()"
        raise InputError(
            f"{type(layer).__name__} needs {wanted}, but gets a shape of {shape}; {hint}"
        )
