"""Normalization and the activation behind it, some rows at a time.

Of a block that stays in the first cache, what is normalized is written to scratch, from where the
activation reads it. A batch is so read and written once in each direction, and not once by each of
the two, which counts where it leaves the cache. A normalization without an activation is done in
the same blocks, with no activation.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled, inlined
from qsched.native.norm import (
    norm_add_sums,
    norm_backward,
    norm_forward,
    norm_infer,
    norm_parameters_backward,
    norm_statistics,
)
from qsched.native.program import BLOCK, LD, PIXELS, SCALE, SHIFT, SITE, SOURCE, STATS, TARGET
from qsched.native.simd import clear
from qsched.native.sites import activate, activate_backward, activate_hard

__all__ = ["normalize", "normalize_backward", "normalize_hard"]


@compiled
def _rows(ld: int) -> int:
    """Return the rows of a block: an even number, since sums are of even and of odd rows."""
    return max(BLOCK // (2 * ld), 1) * 2


@inlined
def normalize(op: Any, net: Any, state: Any, controls: Any, keys: Any) -> None:
    """Write the output of a normalization, and of the activation behind it, in training."""
    work, ld, rows = state.work, op[LD], net.batch * op[PIXELS]
    stats = op[STATS], state.centers, state.rstds, state.means, state.variances
    norm_statistics(work, op[SOURCE], rows, ld, stats)
    step = _rows(ld)
    for first in range(0, rows, step):
        count, x, y = min(step, rows - first), op[SOURCE] + first * ld, op[TARGET] + first * ld
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
def normalize_backward(op: Any, net: Any, state: Any, controls: Any, grad: int) -> None:
    """Replace the gradient at ``grad`` by that of the input; write those of the parameters."""
    work, ld, rows = state.work, op[LD], net.batch * op[PIXELS]
    stats = op[STATS], state.centers, state.rstds, state.means, state.variances
    clear(state.sums, 0, 4 * ld)
    step = _rows(ld)
    for first in range(0, rows, step):
        count, x, slope = min(step, rows - first), op[SOURCE] + first * ld, grad + first * ld
        if op[SITE] >= 0:
            to = net.block
            norm_forward(work, x, to, count, ld, state.values, op[SCALE], op[SHIFT], stats)
            activate_backward(op, net, state, controls, count, to, slope)
        norm_add_sums(work, x, slope, count, ld, stats, state.sums)
    norm_parameters_backward(state.grads, op[SCALE], op[SHIFT], ld, state.sums)
    params = state.values, state.grads
    norm_backward(work, op[SOURCE], grad, rows, ld, params, op[SCALE], op[SHIFT], stats)
