"""Quantizers inside the network: of weights, once a step, and of activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.native.compiler import compiled, inlined
from qsched.native.incremental import (
    RPR,
    free_gradients,
    freeze,
    harden_frozen,
    hold,
    use_frozen,
)
from qsched.native.places import Inputs, Place, Rows
from qsched.native.program import (
    CHANNELS,
    IMAGES,
    IN_CHANNELS,
    LD,
    PIXELS,
    PLACE,
    SITE,
    SIZE,
    WEIGHT,
)
from qsched.native.simd import (
    absolute,
    column,
    copy,
    fill,
    load,
    maximum,
    minimum,
    read,
    select_gt,
    store,
    uniform,
    width,
)
from qsched.native.slopes import ana_backward
from qsched.native.stairs import RANDOM, ana_forward, hard

__all__ = [
    "activate",
    "activate_backward",
    "activate_hard",
    "freeze_weights",
    "harden_weights",
    "hold_weights",
    "quantize_weights",
    "weights_backward",
]

FLOAT, ANA, INQ = range(3)
"""Methods of a quantizer, by :data:`qsched.native.names.METHODS`."""

FORWARD_STD, MEAN, BACKWARD_STD = range(3)


@inlined
def layer_size(op: Any) -> int:
    """Return how many weights an operation has, padding included."""
    size: int = op[SIZE] ** 2 * op[IN_CHANNELS] * op[LD]
    return size


@inlined
def quantize_weights(net: Any, state: Any, controls: Any, keys: Any) -> None:
    """Write the weights that layers compute with at this step.

    Args:
        net: the network.
        state: of the lane.
        controls: of this step, [4, Q].
        keys: of this step, [Q, 2].
    """
    for i in range(len(net.ops)):
        op = net.ops[i]
        if op[WEIGHT] < 0:
            continue
        at, n, site = op[WEIGHT], layer_size(op), op[SITE]
        if site >= 0 and net.modes[site, 0] == ANA:
            forward, std = net.modes[site, 2], controls[FORWARD_STD, site]
            if forward == RANDOM and std > 0:
                _weight_samples(op, keys[0], state.samples)
            noise = std, controls[MEAN, site], net.modes[site, 1]
            x, y = Inputs(state.values, at, ()), Place(state.effective, at)
            rows, samples = _vectors(state.values, n), state.samples
            ana_forward(x, y, rows, net.stairs[0], noise, forward, samples, state.table)
        elif site >= 0 and net.modes[site, 0] == INQ:
            use_frozen(state, at, n)
        else:
            copy(state.values, at, state.effective, at, n)


@inlined
def weights_backward(op: Any, net: Any, state: Any, controls: Any) -> None:
    """Replace gradients of effective weights by those of the parameters."""
    site = op[SITE]
    at, n = op[WEIGHT], layer_size(op)
    if site >= 0 and net.modes[site, 0] == INQ:
        free_gradients(state, at, n)
    if site >= 0 and net.modes[site, 0] == ANA:
        noise = controls[BACKWARD_STD, site], controls[MEAN, site], net.modes[site, 1]
        x, grad = Inputs(state.values, at, ()), Place(state.grads, at)
        ana_backward(x, grad, _vectors(state.values, n), net.stairs[0], noise, state.table)


@inlined
def harden_weights(net: Any, state: Any) -> None:
    """Write the weights of the hard network."""
    for i in range(len(net.ops)):
        op = net.ops[i]
        if op[WEIGHT] < 0:
            continue
        at, n, site = op[WEIGHT], layer_size(op), op[SITE]
        if site >= 0 and net.modes[site, 0] == ANA:
            x, y = Inputs(state.values, at, ()), Place(state.effective, at)
            hard(x, y, _vectors(state.values, n), net.stairs[0], 0.0, state.table)
        elif site >= 0 and net.modes[site, 0] == INQ:
            harden_frozen(net, state, site)
        else:
            copy(state.values, at, state.effective, at, n)


@inlined
def hold_weights(net: Any, state: Any) -> None:
    """Undo what the optimizer did to frozen weights."""
    for i in range(len(net.ops)):
        op = net.ops[i]
        if op[WEIGHT] >= 0 and op[SITE] >= 0 and net.modes[op[SITE], 0] == INQ:
            hold(state, op[WEIGHT], layer_size(op))


@inlined
def freeze_weights(net: Any, course: Any, state: Any, step: int, epoch: int, fresh: bool) -> None:
    """Freeze what the schedule asks for before a step.

    Args:
        net: the network.
        course: what the lane is told.
        state: of the lane.
        step: the step.
        epoch: its epoch.
        fresh: whether it is the first one of its epoch.
    """
    uniform = course.uniforms[min(epoch, len(course.uniforms) - 1)]
    for site in range(len(net.tensors) - 1):
        if net.modes[site, 0] == INQ:
            before = course.counts[step - 1, site] if step > 0 else 0
            if fresh and net.modes[site, 2] == RPR:
                freeze(net, state, site, before, uniform)
            if course.counts[step, site] != before:
                freeze(net, state, site, course.counts[step, site], uniform)


@inlined
def activate(
    op: Any, net: Any, state: Any, controls: Any, keys: Any, first: Any, x: Any, y: Any, rows: Any
) -> None:
    """Write the output of an activation in training.

    Args:
        op: the operation.
        net: the network.
        state: of the lane.
        controls: of this step, [4, Q].
        keys: of this step, [Q, 2].
        first: which row, of examples times positions, is the first that is computed.
        x: inputs, :class:`~qsched.native.places.Inputs`.
        y: where outputs go, :class:`~qsched.native.places.Place`.
        rows: how many there are, :class:`~qsched.native.places.Rows`.
    """
    site = op[SITE]
    if net.modes[site, 0] == ANA:
        forward, std = net.modes[site, 2], controls[FORWARD_STD, site]
        if forward == RANDOM and std > 0:
            part = first, rows.count
            _activation_samples(op, net.batch, part, keys[site], state.samples)
        noise = std, controls[MEAN, site], net.modes[site, 1]
        ana_forward(x, y, rows, net.stairs[1], noise, forward, state.samples, state.table)
    else:
        _hardtanh(x, y, rows)


@inlined
def activate_backward(
    op: Any, net: Any, state: Any, controls: Any, x: Any, grad: Any, rows: Any
) -> None:
    """Replace gradients of an activation's outputs by those of its inputs ``x``."""
    site = op[SITE]
    if net.modes[site, 0] == ANA:
        noise = controls[BACKWARD_STD, site], controls[MEAN, site], net.modes[site, 1]
        ana_backward(x, grad, rows, net.stairs[1], noise, state.table)
    else:
        _hardtanh_backward(x, grad, rows)


@inlined
def activate_hard(op: Any, net: Any, state: Any, x: Any, y: Any, rows: Any) -> None:
    """Write the output of an activation of the hard network; arguments as before."""
    if net.modes[op[SITE], 0] == ANA:
        hard(x, y, rows, net.stairs[1], 0.0, state.table)
    else:
        _hardtanh(x, y, rows)


@compiled
def _vectors(array: Any, n: int) -> Any:
    """Return ``n`` numbers in a row as rows of one vector."""
    return Rows(n // width(array), width(array))


@compiled
def _hardtanh(x: Any, y: Any, rows: Any) -> None:
    one = fill(x.array, 1.0)
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            value = minimum(read(x.array, x.at + i, col), one)
            store(y.array, y.at + i, maximum(value, 0.0 - one))


@compiled
def _hardtanh_backward(x: Any, grad: Any, rows: Any) -> None:
    one, zero = fill(x.array, 1.0), fill(x.array, 0.0)
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            size, slope = absolute(read(x.array, x.at + i, col)), load(grad.array, grad.at + i)
            store(grad.array, grad.at + i, select_gt(one, size, slope, zero))


# A random number belongs to a place in the order of torch lanes: weights [outputs, inputs, taps]
# one tensor after the other, features [channels, examples], images [examples, channels, pixels].


@compiled
def _weight_samples(op: Any, key: Any, samples: Any) -> None:
    inputs, taps, ld = op[IN_CHANNELS], op[SIZE] ** 2, op[LD]
    stride = inputs * taps
    for tap in range(taps):
        for entry in range(inputs):
            row = (tap * inputs + entry) * ld
            _sample_row(op[PLACE] + entry * taps + tap, stride, key, samples, row, ld)


@compiled
def _activation_samples(op: Any, batch: int, part: Any, key: Any, samples: Any) -> None:
    pixels, channels, ld = op[PIXELS], op[CHANNELS], op[LD]
    for i in range(part[1]):
        example, pixel = (part[0] + i) // pixels, (part[0] + i) % pixels
        if op[IMAGES]:
            place, stride = example * channels * pixels + pixel, pixels
        else:
            place, stride = example, batch
        _sample_row(place, stride, key, samples, i * ld, ld)


@compiled
def _sample_row(place: int, stride: int, key: Any, samples: Any, row: int, ld: int) -> None:
    step = np.int32(stride)
    for c in range(0, ld, width(samples)):
        start = np.int32(place + c * stride)
        store(samples, row + c, uniform(samples, start, step, key[0], key[1]))
