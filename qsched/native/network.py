"""A network's passes: its operations in turn, on the regions of one lane's memory.

Numba compiles a function once more for a literal argument: hence ``np.int64(0)`` in calls of large
ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.native.blocks import normalize, normalize_backward, normalize_hard
from qsched.native.compiler import compiled, inlined
from qsched.native.convolution import add_border, convolve, weights_gradient
from qsched.native.gemm import gemm, gemm_transposed, transpose
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
    SIZE,
    SOURCE,
    STRIDE,
    TARGET,
    WEIGHT,
    WIDTH,
)
from qsched.native.simd import clear, load, store, width
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
            normalize(op, net, state, controls, keys)
        elif op[KIND] == ACTIVATION:
            part = 0, net.batch * op[PIXELS]
            activate(op, net, state, controls, keys, part, op[SOURCE], op[TARGET])
        else:
            _stateless(op, net.jobs, net.batch, state.work, state.effective, state.values)


@inlined
def infer(net: Any, state: Any, examples: int) -> None:
    """Compute the hard network on some examples, at most a batch."""
    for i in range(len(net.ops)):
        op = net.ops[i]
        if op[KIND] == NORM:
            normalize_hard(op, net, state, examples)
        elif op[KIND] == ACTIVATION:
            activate_hard(op, net, state, examples * op[PIXELS], op[SOURCE], op[TARGET])
        else:
            _stateless(op, net.jobs, examples, state.work, state.effective, state.values)


@inlined
def backward(net: Any, state: Any, controls: Any) -> None:
    """Write the gradients of all parameters; that of the logits lies at ``net.grads[0]``."""
    side = 0
    for i in range(len(net.ops) - 1, -1, -1):
        op, grad, other = net.ops[i], net.grads[side], net.grads[1 - side]
        if op[KIND] == NORM:
            normalize_backward(op, net, state, controls, grad)
        elif op[KIND] == ACTIVATION:
            rows = net.batch * op[PIXELS]
            activate_backward(op, net, state, controls, rows, op[SOURCE], grad)
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
def _stateless(op: Any, jobs: Any, examples: int, work: Any, weights: Any, values: Any) -> None:
    """Compute an operation that is the same in training and in the hard network.

    It gets arrays rather than groups of them, since a call copies all that it is given.

    Args:
        op: the operation.
        jobs: of all convolutions.
        examples: how many to compute.
        work: array of activations.
        weights: effective ones.
        values: parameters.
    """
    kind, rows, ld = op[KIND], examples * op[PIXELS], op[LD]
    source, target, in_ld = op[SOURCE], op[TARGET], op[IN_LD]
    image = op[IN_HEIGHT], op[IN_WIDTH]
    if kind == LINEAR:
        shape = rows, ld, op[IN_CHANNELS]
        gemm(shape, work, source, in_ld, weights, op[WEIGHT], ld, work, target)
    elif kind == CONV:
        _convolve(op, jobs, examples, work, weights)
    elif kind == MAX_POOL:
        max_pool(work, source, target, examples, image, op[SIZE], ld)
    elif kind == MEAN_POOL:
        mean_pool(work, source, target, examples, op[IN_PIXELS], ld)
    else:
        flatten(work, source, target, examples, (op[IN_PIXELS], op[IN_CHANNELS]), (in_ld, ld))
    if op[BIAS] >= 0:
        _add_bias(work, target, rows, ld, values, op[BIAS])


@inlined
def _convolve(op: Any, jobs: Any, examples: int, work: Any, weights: Any) -> None:
    """Convolve one image after the other, each copied into the same frame of zeros."""
    ld = op[LD]
    for example in range(examples):
        frame = _framed(op, work, example), np.int64(0)
        to = op[TARGET] + example * op[PIXELS] * ld, np.int64(0)
        convolve(jobs, op[JOB], 1, work, frame, weights, (op[WEIGHT], ld), work, to)


@compiled
def _framed(op: Any, work: Any, example: int) -> int:
    """Copy an image of a convolution's input into its frame; return where that is."""
    image = np.int64(1), op[IN_HEIGHT], op[IN_WIDTH]
    at = op[SOURCE] + example * op[IN_PIXELS] * op[IN_LD]
    add_border(work, at, image, op[IN_LD], op[BORDERED], op[IN_CHANNELS], op[PADDING])
    place: int = op[BORDERED]
    return place


@inlined
def _parameters_backward(op: Any, net: Any, state: Any, grad: int) -> None:
    rows, ld, work = net.batch * op[PIXELS], op[LD], state.work
    if op[BIAS] >= 0:
        _bias_backward(work, grad, rows, ld, state.grads, op[BIAS])
    if op[KIND] == LINEAR:
        shape, grads, weight = (op[IN_CHANNELS], ld, rows), state.grads, op[WEIGHT]
        gemm_transposed(shape, work, op[SOURCE], op[IN_LD], work, grad, ld, grads, weight)
    else:
        weight = op[WEIGHT], ld
        clear(state.grads, op[WEIGHT], op[SIZE] ** 2 * op[IN_CHANNELS] * ld)
        for example in range(net.batch):
            frame = _framed(op, work, example), np.int64(0)
            slope = grad + example * op[PIXELS] * ld, np.int64(0)
            weights_gradient(net.jobs, op[JOB], 1, work, frame, slope, state.grads, weight)


@inlined
def _inputs_backward(op: Any, net: Any, state: Any, grad: int, to: int) -> None:
    kind, work, ld, in_ld = op[KIND], state.work, op[LD], op[IN_LD]
    image = op[IN_HEIGHT], op[IN_WIDTH]
    if kind == LINEAR:
        inputs, outputs = op[IN_CHANNELS], op[CHANNELS]
        start: Any = np.int64(0)
        transpose(state.effective, op[WEIGHT], ld, state.turned, start, in_ld, inputs, outputs)
        shape = net.batch, in_ld, outputs
        gemm(shape, work, grad, ld, state.turned, start, in_ld, work, to)
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
    clear(work, net.border, (op[HEIGHT] + 2 * edge) * (op[WIDTH] + 2 * edge) * ld)
    image, zero = (np.int64(1), op[HEIGHT], op[WIDTH]), np.int64(0)
    for example in range(net.batch):
        add_border(work, grad + example * op[PIXELS] * ld, image, ld, net.border, ld, edge)
        job, target = op[BACK], (to + example * op[IN_PIXELS] * in_ld, zero)
        for _ in range(op[STRIDE] ** 2):
            frame, weights = (net.border, zero), (zero, in_ld)
            job = convolve(net.jobs, job, 1, work, frame, state.turned, weights, work, target)


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
