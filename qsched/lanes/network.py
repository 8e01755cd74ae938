"""From a plan and a cohort's buffers to modules that compute all lanes."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from qsched.lanes.batch_norm import BatchNorm as BatchNormLayer
from qsched.lanes.batch_norm import BatchNormFeatures, BatchNormImages, BatchNorms
from qsched.lanes.buffers import Buffers, view
from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool,
    Residual,
)
from qsched.lanes.modules import (
    Chain,
    Conv2d,
    Flattening,
    GlobalPool,
    LinearLayer,
    MaxPooling,
    Module,
    Sum,
)
from qsched.lanes.plan import Kind, Node, Plan

__all__ = ["Network"]


class Network:
    """A network of all lanes of a cohort, computing with views of its buffers.

    Args:
        plan: the network.
        buffers: of the cohort: their gradients are written, their running statistics moved.
        activation: makes the module of an activation's node.
    """

    def __init__(self, plan: Plan, buffers: Buffers, activation: Callable[[Node], Module]) -> None:
        builder = _Builder(plan, buffers, activation)
        self.modules = builder.chain(plan.nodes)
        grads = (
            buffers.grads[:, plan.columns("scale")],
            buffers.grads[:, plan.columns("shift")],
        )
        self.batch_norms = BatchNorms(builder.batch_norms, buffers.mean, buffers.variance, *grads)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of a batch in training, [K, C, B]."""
        return self.modules.forward(x)

    def backward(self, grad: Tensor) -> None:
        """Write the gradients of all parameters, given that of the logits."""
        self.modules.backward(grad)
        self.batch_norms.collect()

    def infer(self, x: Tensor) -> Tensor:
        """Return the logits of the hard network, [K, C, B]."""
        return self.modules.infer(x)


class _Builder:
    def __init__(self, plan: Plan, buffers: Buffers, activation: Callable[[Node], Module]) -> None:
        self.buffers, self.activation = buffers, activation
        self.batch_norms: list[BatchNormLayer] = []
        self.lanes = len(buffers.values)
        # Nobody reads the gradient of what stands before the first parameters.
        self.bottom = next(
            (n for n in plan.nodes if isinstance(n.layer, Linear | Conv | BatchNorm | Residual)),
            None,
        )

    def chain(self, nodes: tuple[Node, ...]) -> Chain:
        return Chain([self.module(node) for node in nodes])

    def module(self, node: Node) -> Module:
        layer = node.layer
        match layer:
            case Linear():
                return LinearLayer(*self.weighted(node))
            case Conv():
                return Conv2d(*self.weighted(node), layer.stride, layer.padding)
            case BatchNorm():
                return self.batch_norm(node)
            case Activation():
                return self.activation(node)
            case MaxPool():
                return MaxPooling(layer.size)
            case GlobalAveragePool():
                return GlobalPool(self.lanes)
            case Flatten():
                return Flattening(self.lanes)
            case Residual():
                return Sum(self.chain(node.body), self.chain(node.shortcut))

    def weighted(self, node: Node) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor] | None, bool]:
        block = node.blocks["weight"]
        bias = self.pair(node, "bias") if "bias" in node.blocks else None
        return *self.buffers.weight(block), bias, node is self.bottom

    def batch_norm(self, node: Node) -> Module:
        columns = slice(node.statistics, node.statistics + node.inputs[0])
        running = self.buffers.mean[:, columns], self.buffers.variance[:, columns]
        kind = BatchNormFeatures if len(node.inputs) == 1 else BatchNormImages
        layer = kind(self.pair(node, "scale")[0], self.pair(node, "shift")[0], *running)
        self.batch_norms.append(layer)
        return layer

    def pair(self, node: Node, kind: Kind) -> tuple[Tensor, Tensor]:
        block = node.blocks[kind]
        return view(self.buffers.values, block), view(self.buffers.grads, block)
