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
    copy,
    fill,
    load,
    maximum,
    minimum,
    select_gt,
    store,
    uniform,
    width,
)
from qsched.native.stairs import RANDOM, ana_backward, ana_forward, hard

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
        at, n, site = op[WEIGHT], op[SIZE] ** 2 * op[IN_CHANNELS] * op[LD], op[SITE]
        if site >= 0 and net.modes[site, 0] == ANA:
            forward, std = net.modes[site, 2], controls[FORWARD_STD, site]
            if forward == RANDOM and std > 0:
                _weight_samples(op, keys[0], state.samples)
            ana_forward(
                state.values,
                at,
                state.effective,
                at,
                n,
                net.stairs[0],
                (std, controls[MEAN, site], net.modes[site, 1]),
                forward,
                state.samples,
                state.table,
            )
        elif site >= 0 and net.modes[site, 0] == INQ:
            use_frozen(state, at, n)
        else:
            copy(state.values, at, state.effective, at, n)


@inlined
def weights_backward(op: Any, net: Any, state: Any, controls: Any) -> None:
    """Replace gradients of effective weights by those of the parameters."""
    site = op[SITE]
    at, n = op[WEIGHT], op[SIZE] ** 2 * op[IN_CHANNELS] * op[LD]
    if site >= 0 and net.modes[site, 0] == INQ:
        free_gradients(state, at, n)
    if site >= 0 and net.modes[site, 0] == ANA:
        noise = controls[BACKWARD_STD, site], controls[MEAN, site], net.modes[site, 1]
        ana_backward(state.values, at, state.grads, at, n, net.stairs[0], noise, state.table)


@inlined
def harden_weights(net: Any, state: Any) -> None:
    """Write the weights of the hard network."""
    for i in range(len(net.ops)):
        op = net.ops[i]
        if op[WEIGHT] < 0:
            continue
        at, n, site = op[WEIGHT], op[SIZE] ** 2 * op[IN_CHANNELS] * op[LD], op[SITE]
        if site >= 0 and net.modes[site, 0] == ANA:
            hard(state.values, at, state.effective, at, n, net.stairs[0], 0.0, state.table)
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
            hold(state, op[WEIGHT], op[SIZE] ** 2 * op[IN_CHANNELS] * op[LD])


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
    op: Any, net: Any, state: Any, controls: Any, keys: Any, part: Any, x: int, y: int
) -> None:
    """Write the output of an activation in training.

    Args:
        op: the operation.
        net: the network.
        state: of the lane.
        controls: of this step, [4, Q].
        keys: of this step, [Q, 2].
        part: (first, number) of the rows, examples times positions, that are computed.
        x: place of their input.
        y: place of their output.
    """
    site, n = op[SITE], part[1] * op[LD]
    if net.modes[site, 0] == ANA:
        forward, std = net.modes[site, 2], controls[FORWARD_STD, site]
        if forward == RANDOM and std > 0:
            _activation_samples(op, net.batch, part, keys[site], state.samples)
        ana_forward(
            state.work,
            x,
            state.work,
            y,
            n,
            net.stairs[1],
            (std, controls[MEAN, site], net.modes[site, 1]),
            forward,
            state.samples,
            state.table,
        )
    else:
        _hardtanh(state.work, x, y, n)


@inlined
def activate_backward(
    op: Any, net: Any, state: Any, controls: Any, rows: int, x: int, grad: int
) -> None:
    """Replace the gradient at ``grad`` by that of the activation's input at ``x``."""
    site, n = op[SITE], rows * op[LD]
    if net.modes[site, 0] == ANA:
        noise = controls[BACKWARD_STD, site], controls[MEAN, site], net.modes[site, 1]
        ana_backward(state.work, x, state.work, grad, n, net.stairs[1], noise, state.table)
    else:
        _hardtanh_backward(state.work, x, grad, n)


@inlined
def activate_hard(op: Any, net: Any, state: Any, rows: int, x: int, y: int) -> None:
    """Write the output of an activation of the hard network; arguments as before."""
    n = rows * op[LD]
    if net.modes[op[SITE], 0] == ANA:
        hard(state.work, x, state.work, y, n, net.stairs[1], 0.0, state.table)
    else:
        _hardtanh(state.work, x, y, n)


@compiled
def _hardtanh(work: Any, x: int, y: int, n: int) -> None:
    one = fill(work, 1.0)
    for i in range(0, n, width(work)):
        store(work, y + i, maximum(minimum(load(work, x + i), one), 0.0 - one))


@compiled
def _hardtanh_backward(work: Any, x: int, grad: int, n: int) -> None:
    one, zero = fill(work, 1.0), fill(work, 0.0)
    for i in range(0, n, width(work)):
        inside = select_gt(one, absolute(load(work, x + i)), load(work, grad + i), zero)
        store(work, grad + i, inside)


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
