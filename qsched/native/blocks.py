"""Normalization and the activation behind it.

What is normalized is never written: the activation reads a normalization's input and normalizes it
on the way. On the way back, blocks of rows stay in the first cache for the two passes over them.

``part`` is (first, number) of the rows that are done.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.native.compiler import compiled, inlined
from qsched.native.norm import (
    norm_add_sums,
    norm_add_values,
    norm_backward,
    norm_forward,
    norm_parameters_backward,
    norm_running,
    norm_statistics,
)
from qsched.native.places import Inputs, Place, Rows
from qsched.native.program import BLOCK, LD, PIXELS, SCALE, SHIFT, SITE, SOURCE, STATS, TARGET
from qsched.native.simd import clear
from qsched.native.sites import activate, activate_backward, activate_hard

__all__ = [
    "gather_statistics",
    "normalize",
    "normalize_backward",
    "normalize_hard",
    "normalize_inputs_backward",
    "normalize_parameters_backward",
]


@compiled
def _rows(ld: int) -> int:
    """Return the rows of a block: an even number, since sums are of even and of odd rows."""
    return max(BLOCK // (2 * ld), 1) * 2


@inlined
def _source(op: Any, state: Any) -> Any:
    """Return how what is normalized by the batch's statistics is read."""
    return (
        (state.centers, op[STATS]),
        (state.rstds, op[STATS]),
        (state.values, op[SCALE]),
        (state.values, op[SHIFT]),
    )


@inlined
def gather_statistics(op: Any, net: Any, state: Any, summed: bool) -> None:
    """Write the statistics of a batch; ``summed``: the sums of its values are there already."""
    work, ld, rows = state.work, op[LD], net.batch * op[PIXELS]
    stats = op[STATS], state.centers, state.rstds, state.means, state.variances
    if not summed:
        clear(state.sums, 0, 2 * ld)
        norm_add_values(work, op[SOURCE], rows, ld, state.sums)
    norm_statistics(work, op[SOURCE], rows, ld, stats, state.sums)


@inlined
def normalize(op: Any, net: Any, state: Any, controls: Any, keys: Any, part: Any) -> None:
    """Write the output of a normalization, and of the activation behind it, in training."""
    work, first, rows = state.work, part[0], Rows(part[1], op[LD])
    x = Inputs(work, op[SOURCE] + first * rows.ld, _source(op, state))
    y = Place(work, op[TARGET] + first * rows.ld)
    if op[SITE] >= 0:
        activate(op, net, state, controls, keys, first, x, y, rows)
    else:
        norm_forward(x, y, rows)


@inlined
def normalize_hard(op: Any, net: Any, state: Any, examples: int) -> None:
    """Write the output of a normalization, and of the activation behind it, when inferring."""
    work, rows = state.work, Rows(examples * op[PIXELS], op[LD])
    stats = op[STATS], state.centers, state.rstds, state.means, state.variances
    norm_running(rows.ld, state.values, op[SCALE], op[SHIFT], stats, state.sums)
    x = Inputs(work, op[SOURCE], ((state.sums, np.int64(0)), (state.sums, rows.ld)))
    y = Place(work, op[TARGET])
    if op[SITE] >= 0:
        activate_hard(op, net, state, x, y, rows)
    else:
        norm_forward(x, y, rows)


@inlined
def normalize_backward(op: Any, net: Any, state: Any, controls: Any, grad: int, part: Any) -> None:
    """Take the gradient at ``grad`` back through the activation, and add to sums what is left.

    The first of three passes: once it has seen all rows, gradients of parameters are known, and
    with them that of the input.
    """
    work, ld, end = state.work, op[LD], part[0] + part[1]
    stats = op[STATS], state.centers, state.rstds, state.means, state.variances
    step, source = _rows(ld), _source(op, state)
    for first in range(part[0], end, step):
        count, at, slope = min(step, end - first), op[SOURCE] + first * ld, grad + first * ld
        if op[SITE] >= 0:
            x, gradient = Inputs(work, at, source), Place(work, slope)
            activate_backward(op, net, state, controls, x, gradient, Rows(count, ld))
        norm_add_sums(work, at, slope, count, ld, stats, state.sums)


@inlined
def normalize_parameters_backward(op: Any, state: Any) -> None:
    """Write the gradients of the parameters: the second pass."""
    norm_parameters_backward(state.grads, op[SCALE], op[SHIFT], op[LD], state.sums)


@inlined
def normalize_inputs_backward(op: Any, net: Any, state: Any, grad: int, part: Any) -> None:
    """Replace what the first pass left at ``grad`` by the gradient of the input: the third."""
    ld, skipped = op[LD], part[0] * op[LD]
    stats = op[STATS], state.centers, state.rstds, state.means, state.variances
    x, slope, params = op[SOURCE] + skipped, grad + skipped, (state.values, state.grads)
    total = net.batch * op[PIXELS]
    norm_backward(state.work, x, slope, part[1], ld, params, op[SCALE], op[SHIFT], stats, total)
