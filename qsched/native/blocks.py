"""Normalization and the activation behind it, some rows at a time.

Of a block that stays in the first cache, what is normalized is written to scratch, from where the
activation reads it. A batch is so read and written once in each direction, and not once by each of
the two, which counts where it leaves the cache. A normalization without an activation is done in
the same blocks, with no activation.

``part`` is (first, number) of the rows that are done.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled, inlined
from qsched.native.norm import (
    norm_add_sums,
    norm_add_values,
    norm_backward,
    norm_forward,
    norm_infer,
    norm_parameters_backward,
    norm_statistics,
)
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
    work, ld, end = state.work, op[LD], part[0] + part[1]
    stats = op[STATS], state.centers, state.rstds, state.means, state.variances
    step = _rows(ld)
    for first in range(part[0], end, step):
        count, x, y = min(step, end - first), op[SOURCE] + first * ld, op[TARGET] + first * ld
        to = y if op[SITE] < 0 else net.block
        norm_forward(work, x, to, count, ld, state.values, op[SCALE], op[SHIFT], stats)
        if op[SITE] >= 0:
            activate(op, net, state, controls, keys, (first, count), to, y)


@inlined
def normalize_hard(op: Any, net: Any, state: Any, examples: int) -> None:
    """Write the output of a normalization, and of the activation behind it, when inferring."""
    work, ld, rows = state.work, op[LD], examples * op[PIXELS]
    stats = op[STATS], state.centers, state.rstds, state.means, state.variances
    step = _rows(ld)
    for first in range(0, rows, step):
        count, x, y = min(step, rows - first), op[SOURCE] + first * ld, op[TARGET] + first * ld
        to = y if op[SITE] < 0 else net.block
        norm_infer(work, x, to, count, ld, state.values, op[SCALE], op[SHIFT], stats)
        if op[SITE] >= 0:
            activate_hard(op, net, state, count, to, y)


@inlined
def normalize_backward(op: Any, net: Any, state: Any, controls: Any, grad: int, part: Any) -> None:
    """Take the gradient at ``grad`` back through the activation, and add to sums what is left.

    The first of three passes: once it has seen all rows, gradients of parameters are known, and
    with them that of the input.
    """
    work, ld, end = state.work, op[LD], part[0] + part[1]
    stats = op[STATS], state.centers, state.rstds, state.means, state.variances
    step = _rows(ld)
    for first in range(part[0], end, step):
        count, x, slope = min(step, end - first), op[SOURCE] + first * ld, grad + first * ld
        if op[SITE] >= 0:
            to = net.block
            norm_forward(work, x, to, count, ld, state.values, op[SCALE], op[SHIFT], stats)
            activate_backward(op, net, state, controls, count, to, slope)
        norm_add_sums(work, x, slope, count, ld, stats, state.sums)


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
