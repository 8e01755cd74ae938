"""Biases of [rows, channels], a vector of channels at a time."""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import load, store, width

__all__ = ["add_bias", "bias_backward"]


@compiled
def add_bias(work: Any, at: int, rows: int, ld: int, values: Any, bias: int) -> None:
    """Add ``values[bias]`` and what follows to rows of ``ld`` numbers at ``work[at]``."""
    for c in range(0, ld, width(work)):
        shift = load(values, bias + c)
        for i in range(at + c, at + c + rows * ld, ld):
            store(work, i, load(work, i) + shift)


@compiled
def bias_backward(work: Any, grad: int, rows: int, ld: int, grads: Any, bias: int) -> None:
    """Write sums of the rows at ``work[grad]`` to ``grads[bias]`` and what follows."""
    for c in range(0, ld, width(work)):
        total = load(work, grad + c)
        for i in range(grad + c + ld, grad + c + rows * ld, ld):
            total = total + load(work, i)
        store(grads, bias + c, total)
