"""A network's passes: its operations in turn, on the regions of one lane's memory.

Numba compiles a function once more for a literal argument: hence ``np.int64(0)`` in calls of large
ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.native.bias import add_bias, bias_backward
from qsched.native.blocks import (
    gather_statistics,
    normalize,
    normalize_backward,
    normalize_hard,
    normalize_inputs_backward,
    normalize_parameters_backward,
)
from qsched.native.compiler import compiled, inlined
from qsched.native.convolution import NOTHING, convolve
from qsched.native.gemm import gemm, gemm_transposed, transpose
from qsched.native.images import begin_backward, convolve_images, images_backward, is_kind
from qsched.native.places import Inputs, Place, Rows
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
    BIAS,
    CHANNELS,
    CONV,
    FIRST,
    GROUP,
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
    PIXELS,
    SIZE,
    SOURCE,
    TARGET,
    WEIGHT,
)
from qsched.native.simd import clear
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
    work, weights, values, sums = state.work, state.effective, state.values, state.sums
    for i in range(len(net.ops)):
        op = net.ops[i]
        if op[KIND] == NORM:
            _forward_normalized(i, net, state, controls, keys)
        elif op[KIND] == ACTIVATION:
            x, y = Inputs(work, op[SOURCE], ()), Place(work, op[TARGET])
            rows = Rows(net.batch * op[PIXELS], op[LD])
            activate(op, net, state, controls, keys, np.int64(0), x, y, rows)
        elif op[KIND] != CONV:
            _stateless(op, net.jobs, net.batch, work, weights, values)
        elif not is_kind(net.ops, i - 1, NORM):
            images = np.int64(0), net.batch
            convolve_images(net.ops, i, net.jobs, images, work, weights, values, sums)


@inlined
def _forward_normalized(i: int, net: Any, state: Any, controls: Any, keys: Any) -> None:
    """Normalize, and do the convolution behind it, if any, along with that."""
    op, convolved = net.ops[i], is_kind(net.ops, i + 1, CONV)
    gather_statistics(op, net, state, is_kind(net.ops, i - 1, CONV))
    step = GROUP if convolved else net.batch
    for first in range(0, net.batch, step):
        part = first, min(step, net.batch - first)
        rows = part[0] * op[PIXELS], part[1] * op[PIXELS]
        normalize(op, net, state, controls, keys, rows)
        if convolved:
            convolve_images(
                net.ops,
                i + 1,
                net.jobs,
                part,
                state.work,
                state.effective,
                state.values,
                state.sums,
            )


@inlined
def infer(net: Any, state: Any, examples: int) -> None:
    """Compute the hard network on some examples, at most a batch."""
    for i in range(len(net.ops)):
        op = net.ops[i]
        if op[KIND] == NORM:
            normalize_hard(op, net, state, examples)
        elif op[KIND] == ACTIVATION:
            x, y = Inputs(state.work, op[SOURCE], ()), Place(state.work, op[TARGET])
            activate_hard(op, net, state, x, y, Rows(examples * op[PIXELS], op[LD]))
        else:
            _stateless(op, net.jobs, examples, state.work, state.effective, state.values)


@inlined
def backward(net: Any, state: Any, controls: Any) -> None:
    """Write the gradients of all parameters; that of the logits lies at ``net.grads[0]``."""
    side = 0
    for i in range(len(net.ops) - 1, -1, -1):
        op, grad, other = net.ops[i], net.grads[side], net.grads[1 - side]
        if op[KIND] == NORM:
            if is_kind(net.ops, i + 1, CONV):
                side = 1 - side
            _normalized_backward(i, net, state, controls, grad, other)
        elif op[KIND] == ACTIVATION:
            x, slope = Inputs(state.work, op[SOURCE], ()), Place(state.work, grad)
            rows = Rows(net.batch * op[PIXELS], op[LD])
            activate_backward(op, net, state, controls, x, slope, rows)
        elif op[KIND] == CONV:
            if not is_kind(net.ops, i - 1, NORM):
                begin_backward(op, state.effective, state.turned, state.grads)
                part = np.int64(0), net.batch
                images_backward(i, net, state, part, grad, other)
                side = 1 - side
        else:
            if op[WEIGHT] >= 0:
                _linear_backward(op, net.batch, state.work, grad, state.grads)
            if not op[FIRST]:
                _inputs_backward(op, net, state, grad, other)
                side = 1 - side
        if op[FIRST]:
            break
    for i in range(len(net.ops)):
        if net.ops[i, WEIGHT] >= 0:
            weights_backward(net.ops[i], net, state, controls)


@inlined
def _normalized_backward(
    i: int, net: Any, state: Any, controls: Any, grad: int, other: int
) -> None:
    """Do a normalization, and the convolution behind it, if any, along with that.

    Args:
        i: which operation the normalization is.
        net: the network.
        state: of the lane.
        controls: of the quantizers at this step, [4, Q].
        grad: place of the gradient of the output, that of the convolution if there is one.
        other: place for the gradient of the convolution's input.
    """
    op, convolved = net.ops[i], is_kind(net.ops, i + 1, CONV)
    step, place = (GROUP, other) if convolved else (net.batch, grad)
    if convolved:
        begin_backward(net.ops[i + 1], state.effective, state.turned, state.grads)
    clear(state.sums, 0, 4 * op[LD])
    for first in range(0, net.batch, step):
        part = first, min(step, net.batch - first)
        rows = part[0] * op[PIXELS], part[1] * op[PIXELS]
        if convolved:
            images_backward(i + 1, net, state, part, grad, other)
        normalize_backward(op, net, state, controls, place, rows)
    normalize_parameters_backward(op, state)
    if not is_kind(net.ops, i - 1, CONV):
        rows = np.int64(0), net.batch * op[PIXELS]
        normalize_inputs_backward(op, net, state, place, rows)


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
        images, outputs = (source, op[IN_PIXELS] * in_ld), (target, op[PIXELS] * ld)
        place = op[WEIGHT], ld
        convolve(jobs, op[JOB], examples, work, images, weights, place, work, outputs, NOTHING)
    elif kind == MAX_POOL:
        max_pool(work, source, target, examples, image, op[SIZE], ld)
    elif kind == MEAN_POOL:
        mean_pool(work, source, target, examples, op[IN_PIXELS], ld)
    else:
        flatten(work, source, target, examples, (op[IN_PIXELS], op[IN_CHANNELS]), (in_ld, ld))
    if op[BIAS] >= 0:
        add_bias(work, target, rows, ld, values, op[BIAS])


@compiled
def _linear_backward(op: Any, batch: int, work: Any, grad: int, grads: Any) -> None:
    """Write the gradients of the parameters of a linear layer."""
    rows, ld = batch * op[PIXELS], op[LD]
    if op[BIAS] >= 0:
        bias_backward(work, grad, rows, ld, grads, op[BIAS])
    shape, weight = (op[IN_CHANNELS], ld, rows), op[WEIGHT]
    gemm_transposed(shape, work, op[SOURCE], op[IN_LD], work, grad, ld, grads, weight)


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
    elif kind == MAX_POOL:
        max_pool_backward(work, op[SOURCE], grad, to, net.batch, image, op[SIZE], ld)
    elif kind == MEAN_POOL:
        mean_pool_backward(work, grad, to, net.batch, op[IN_PIXELS], ld)
    else:
        pixels, channels = op[IN_PIXELS], op[IN_CHANNELS]
        unflatten(work, grad, to, net.batch, (pixels, channels), (in_ld, ld))
