"""The plain ONNX twin: standard operators alone, for onnxruntime and anything else."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.deploy.integer import IntegerNetwork, Node, Threshold
from qsched.deploy.onnx_graph import Chain, build
from qsched.deploy.records import Input

__all__ = ["quantized", "to_onnx"]


def to_onnx(network: IntegerNetwork, batch: int | str = "N") -> Any:
    """Return an integer network as an ONNX model with standard operators.

    Input ``x`` [N, ...] float32, as in training; output ``logits`` [N, classes] float32. All
    values between are integers below 2^24, exact in float32. A ternary activation is
    ``Cast(Greater(x, hi)) - Cast(Less(x, lo))``.

    Args:
        network: the integer network.
        batch: examples of a batch, or the name of a free dimension.

    Raises:
        InputError: onnx is not installed.
    """
    return build(network, quantized, _threshold, batch)


def quantized(chain: Chain, spec: Input) -> str:
    """Add ``Clip(Round(x / step))``; the division is by a power of two, and so exact."""
    factor = chain.constant("input.factor", 1 / spec.step)
    scaled = chain.node("Mul", "input.scaled", chain.head, factor)
    rounded = chain.node("Round", "input.rounded", scaled)
    low, high = (
        chain.constant(f"input.{name}", value)
        for name, value in (("low", spec.low), ("high", spec.high))
    )
    return chain.node("Clip", "input", rounded, low, high)


def _threshold(chain: Chain, node: Node, operation: Threshold) -> str:
    shape = (1, -1, *[1] * (len(node.inputs) - 1))
    columns = [column.reshape(shape) for column in operation.thresholds.T]
    if operation.levels.tolist() == [-1, 0, 1]:
        low, high = columns
        up = _compared(chain, f"{node.name}.up", "Greater", high - 1)
        down = _compared(chain, f"{node.name}.down", "Less", low)
        return chain.node("Sub", node.name, up, down)
    jumps = np.diff(operation.levels)
    total = chain.constant(f"{node.name}.lowest", operation.levels[0])
    for i, (column, jump) in enumerate(zip(columns, jumps, strict=True)):
        last = i == len(columns) - 1
        passed = _compared(chain, f"{node.name}.passed{i}", "Greater", column - 1)
        step = chain.node(
            "Mul", f"{passed}.jump", passed, chain.constant(f"{node.name}.jump{i}", jump)
        )
        name = node.name if last else f"{node.name}.sum{i}"
        total = chain.node("Add", name, total, step)
    return total


def _compared(chain: Chain, name: str, kind: str, limit: np.ndarray) -> str:
    from onnx import TensorProto

    constant = chain.constant(f"{name}.limit", limit)
    truth = chain.node(kind, f"{name}.bool", chain.head, constant)
    return chain.node("Cast", name, truth, to=TensorProto.FLOAT)
