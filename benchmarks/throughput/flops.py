"""Floating-point operations, counted from shapes: products only (matrices and convolutions).

A multiply-add counts as two. Quantizers, normalization, the loss and the optimizer count nothing,
so a share of the sgemm peak says how much of the time goes into what cannot be avoided.
"""

from __future__ import annotations

from math import prod

from qsched.lanes.layers import Conv, Linear, Residual
from qsched.lanes.plan import Node, Plan

__all__ = ["forward_flops", "layer_flops", "step_flops", "training_flops"]


def forward_flops(plan: Plan) -> int:
    """Return the operations of one example forward."""
    return sum(layer_flops(node) for node in _weighted(plan.nodes))


def step_flops(plan: Plan, batch: int) -> int:
    """Return the operations of one training step.

    Forward, the gradient of the weights and that of the input cost the same each; nobody needs the
    gradient of the first layer's input.
    """
    layers = [layer_flops(node) for node in _weighted(plan.nodes)]
    return batch * (3 * sum(layers) - layers[0])


def training_flops(plan: Plan, batch: int, steps: int, evaluated: int) -> int:
    """Return the operations of one training of ``steps`` that evaluates ``evaluated`` examples."""
    return steps * step_flops(plan, batch) + evaluated * forward_flops(plan)


def layer_flops(node: Node) -> int:
    """Return the operations of one layer with weights, for one example forward."""
    positions = prod(node.outputs[1:])  # 1 for features
    return 2 * prod(node.blocks["weight"].shape) * positions


def _weighted(nodes: tuple[Node, ...]) -> list[Node]:
    found = []
    for node in nodes:
        if isinstance(node.layer, Linear | Conv):
            found.append(node)
        elif isinstance(node.layer, Residual):
            found += [*_weighted(node.body), *_weighted(node.shortcut)]
    return found
