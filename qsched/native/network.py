"""A network's passes: its operations in turn, on the regions of one lane's memory."""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled, inlined
from qsched.native.gemm import gemm, transpose
from qsched.native.norm import norm_backward, norm_forward, norm_infer
from qsched.native.program import (
    ACTIVATION,
    BIAS,
    CHANNELS,
    FIRST,
    IN_CHANNELS,
    IN_LD,
    KIND,
    LD,
    LINEAR,
    NORM,
    PIXELS,
    SCALE,
    SHIFT,
    SOURCE,
    STATS,
    TARGET,
    WEIGHT,
)
from qsched.native.simd import load, store, width
from qsched.native.sites import activate, activate_backward, activate_hard, weights_backward

__all__ = ["backward", "forward", "infer"]


@inlined
def forward(net: Any, state: Any, controls: Any, keys: Any) -> None:
    """Compute the network on a batch in training.

    Args:
        net: the network.
        state: of the lane; the batch lies at the start of ``work``.
        controls: of the quantizers at this step, [4, Q].
        keys: of the noise at this step, [Q, 2].
    """
    for op in net.ops:
        if op[KIND] == NORM:
            norm_forward(
                state.work,
                op[SOURCE],
                op[TARGET],
                net.batch * op[PIXELS],
                op[LD],
                state.values,
                op[SCALE],
                op[SHIFT],
                (op[STATS], state.means, state.variances, state.rstds),
            )
        elif op[KIND] == ACTIVATION:
            activate(op, net, state, controls, keys)
        else:
            _stateless(op, state, net.batch)


@inlined
def infer(net: Any, state: Any, examples: int) -> None:
    """Compute the hard network on some examples, at most a batch."""
    for op in net.ops:
        if op[KIND] == NORM:
            norm_infer(
                state.work,
                op[SOURCE],
                op[TARGET],
                examples * op[PIXELS],
                op[LD],
                state.values,
                op[SCALE],
                op[SHIFT],
                (op[STATS], state.means, state.variances, state.rstds),
            )
        elif op[KIND] == ACTIVATION:
            activate_hard(op, net, state, examples)
        else:
            _stateless(op, state, examples)


@inlined
def backward(net: Any, state: Any, controls: Any) -> None:
    """Write the gradients of all parameters; that of the logits lies at ``net.grads[0]``."""
    side = 0
    for i in range(len(net.ops) - 1, -1, -1):
        op, grad, other = net.ops[i], net.grads[side], net.grads[1 - side]
        if op[KIND] == NORM:
            norm_backward(
                state.work,
                op[SOURCE],
                grad,
                net.batch * op[PIXELS],
                op[LD],
                (state.values, state.grads),
                op[SCALE],
                op[SHIFT],
                (op[STATS], state.rstds),
            )
        elif op[KIND] == ACTIVATION:
            activate_backward(op, net, state, controls, grad)
        else:
            if op[WEIGHT] >= 0:
                _parameters_backward(op, net, state, grad)
                weights_backward(op, net, state, controls)
            if not op[FIRST]:
                _inputs_backward(op, net, state, grad, other)
                side = 1 - side
        if op[FIRST]:
            break


@compiled
def _stateless(op: Any, state: Any, examples: int) -> None:
    """Compute an operation that is the same in training and in the hard network."""
    rows, ld = examples * op[PIXELS], op[LD]
    if op[KIND] == LINEAR:
        gemm(
            (rows, ld, op[IN_CHANNELS]),
            state.work,
            op[SOURCE],
            (op[IN_LD], 1),
            state.effective,
            op[WEIGHT],
            ld,
            state.work,
            op[TARGET],
        )
    if op[BIAS] >= 0:
        _add_bias(state.work, op[TARGET], rows, ld, state.values, op[BIAS])


@inlined
def _parameters_backward(op: Any, net: Any, state: Any, grad: int) -> None:
    rows, ld = net.batch * op[PIXELS], op[LD]
    if op[BIAS] >= 0:
        _bias_backward(state.work, grad, rows, ld, state.grads, op[BIAS])
    if op[KIND] == LINEAR:
        gemm(
            (op[IN_CHANNELS], ld, rows),
            state.work,
            op[SOURCE],
            (1, op[IN_LD]),
            state.work,
            grad,
            ld,
            state.grads,
            op[WEIGHT],
        )


@inlined
def _inputs_backward(op: Any, net: Any, state: Any, grad: int, to: int) -> None:
    ld, in_ld = op[LD], op[IN_LD]
    if op[KIND] == LINEAR:
        at, inputs, outputs = op[WEIGHT], op[IN_CHANNELS], op[CHANNELS]
        transpose(state.effective, at, ld, state.turned, 0, in_ld, inputs, outputs)
        gemm(
            (net.batch, in_ld, outputs),
            state.work,
            grad,
            (ld, 1),
            state.turned,
            0,
            in_ld,
            state.work,
            to,
        )


@inlined
def _add_bias(work: Any, at: int, rows: int, ld: int, values: Any, bias: int) -> None:
    for c in range(0, ld, width(work)):
        shift = load(values, bias + c)
        for i in range(at + c, at + c + rows * ld, ld):
            store(work, i, load(work, i) + shift)


@inlined
def _bias_backward(work: Any, grad: int, rows: int, ld: int, grads: Any, bias: int) -> None:
    for c in range(0, ld, width(work)):
        total = load(work, grad + c)
        for i in range(grad + c + ld, grad + c + rows * ld, ld):
            total = total + load(work, i)
        store(grads, bias + c, total)
