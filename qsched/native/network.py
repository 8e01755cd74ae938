"""A network's passes: its operations in turn, on the regions of one lane's memory.

Numba compiles a function once more for a literal argument: hence ``np.int64(0)`` in calls of large
ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.native.compiler import compiled, inlined
from qsched.native.convolution import add_border, convolve, weights_gradient
from qsched.native.gemm import gemm, transpose
from qsched.native.norm import norm_backward, norm_forward, norm_infer
from qsched.native.pooling import (
    flatten,
    max_pool,
    max_pool_backward,
    mean_pool,
    mean_pool_backward,
    unflatten,
)
from qsched.native.program import (
    ACTIVATION,
    BACK,
    BIAS,
    BORDERED,
    CHANNELS,
    CONV,
    EDGE,
    FIRST,
    HEIGHT,
    IN_CHANNELS,
    IN_HEIGHT,
    IN_LD,
    IN_PIXELS,
    IN_WIDTH,
    JOB,
    KIND,
    LD,
    LINEAR,
    MAX_POOL,
    MEAN_POOL,
    NORM,
    PADDING,
    PIXELS,
    SCALE,
    SHIFT,
    SIZE,
    SOURCE,
    STATS,
    STRIDE,
    TARGET,
    WEIGHT,
    WIDTH,
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
    for i in range(len(net.ops)):
        op = net.ops[i]
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
            _stateless(op, net, state, net.batch)


@inlined
def infer(net: Any, state: Any, examples: int) -> None:
    """Compute the hard network on some examples, at most a batch."""
    for i in range(len(net.ops)):
        op = net.ops[i]
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
            _stateless(op, net, state, examples)


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
def _stateless(op: Any, net: Any, state: Any, examples: int) -> None:
    """Compute an operation that is the same in training and in the hard network."""
    kind, work, rows, ld = op[KIND], state.work, examples * op[PIXELS], op[LD]
    source, target, in_ld = op[SOURCE], op[TARGET], op[IN_LD]
    image = op[IN_HEIGHT], op[IN_WIDTH]
    if kind == LINEAR:
        shape, strides = (rows, ld, op[IN_CHANNELS]), (in_ld, np.int64(1))
        gemm(shape, work, source, strides, state.effective, op[WEIGHT], ld, work, target)
    elif kind == CONV:
        _convolve(op, net, state, examples)
    elif kind == MAX_POOL:
        max_pool(work, source, target, examples, image, op[SIZE], ld)
    elif kind == MEAN_POOL:
        mean_pool(work, source, target, examples, op[IN_PIXELS], ld)
    else:
        flatten(work, source, target, examples, (op[IN_PIXELS], op[IN_CHANNELS]), (in_ld, ld))
    if op[BIAS] >= 0:
        _add_bias(work, target, rows, ld, state.values, op[BIAS])


@inlined
def _convolve(op: Any, net: Any, state: Any, examples: int) -> None:
    channels, border = op[IN_CHANNELS], op[PADDING]
    image = examples, op[IN_HEIGHT], op[IN_WIDTH]
    bordered = op[BORDERED], _frame(op, border) * channels
    add_border(state.work, op[SOURCE], image, op[IN_LD], bordered[0], channels, border)
    weights, to = (op[WEIGHT], op[LD]), (op[TARGET], op[PIXELS] * op[LD])
    convolve(
        net.jobs, op[JOB], examples, state.work, bordered, state.effective, weights, state.work, to
    )


@compiled
def _frame(op: Any, border: int) -> int:
    """Return the number of pixels of a convolution's input with its border."""
    size: int = (op[IN_HEIGHT] + 2 * border) * (op[IN_WIDTH] + 2 * border)
    return size


@inlined
def _parameters_backward(op: Any, net: Any, state: Any, grad: int) -> None:
    rows, ld, work = net.batch * op[PIXELS], op[LD], state.work
    if op[BIAS] >= 0:
        _bias_backward(work, grad, rows, ld, state.grads, op[BIAS])
    if op[KIND] == LINEAR:
        shape, strides = (op[IN_CHANNELS], ld, rows), (np.int64(1), op[IN_LD])
        gemm(shape, work, op[SOURCE], strides, work, grad, ld, state.grads, op[WEIGHT])
    else:
        source = op[BORDERED], _frame(op, op[PADDING]) * op[IN_CHANNELS]
        slope, weight = (grad, op[PIXELS] * ld), (op[WEIGHT], ld)
        weights_gradient(net.jobs, op[JOB], net.batch, work, source, slope, state.grads, weight)


@inlined
def _inputs_backward(op: Any, net: Any, state: Any, grad: int, to: int) -> None:
    kind, work, ld, in_ld = op[KIND], state.work, op[LD], op[IN_LD]
    image = op[IN_HEIGHT], op[IN_WIDTH]
    if kind == LINEAR:
        inputs, outputs = op[IN_CHANNELS], op[CHANNELS]
        start: Any = np.int64(0)
        transpose(state.effective, op[WEIGHT], ld, state.turned, start, in_ld, inputs, outputs)
        shape, strides = (net.batch, in_ld, outputs), (ld, np.int64(1))
        gemm(shape, work, grad, strides, state.turned, start, in_ld, work, to)
    elif kind == CONV:
        _convolve_backward(op, net, state, grad, to)
    elif kind == MAX_POOL:
        max_pool_backward(work, op[SOURCE], grad, to, net.batch, image, op[SIZE], ld)
    elif kind == MEAN_POOL:
        mean_pool_backward(work, grad, to, net.batch, op[IN_PIXELS], ld)
    else:
        pixels, channels = op[IN_PIXELS], op[IN_CHANNELS]
        unflatten(work, grad, to, net.batch, (pixels, channels), (in_ld, ld))


@inlined
def _convolve_backward(op: Any, net: Any, state: Any, grad: int, to: int) -> None:
    work, ld, in_ld, edge = state.work, op[LD], op[IN_LD], op[EDGE]
    inputs, outputs = op[IN_CHANNELS], op[CHANNELS]
    for tap in range(op[SIZE] ** 2):
        at, turned = op[WEIGHT] + tap * inputs * ld, tap * outputs * in_ld
        transpose(state.effective, at, ld, state.turned, turned, in_ld, inputs, outputs)
    frame = (op[HEIGHT] + 2 * edge) * (op[WIDTH] + 2 * edge) * ld
    for i in range(net.border, net.border + net.batch * frame):
        work[i] = 0
    image = net.batch, op[HEIGHT], op[WIDTH]
    add_border(work, grad, image, ld, net.border, ld, edge)
    job, target = op[BACK], (to, op[IN_PIXELS] * in_ld)
    for _ in range(op[STRIDE] ** 2):
        job = convolve(
            net.jobs,
            job,
            net.batch,
            work,
            (net.border, frame),
            state.turned,
            (np.int64(0), in_ld),
            work,
            target,
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
