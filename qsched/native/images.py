"""Convolutions and what lies around them, some images at a time.

A batch of large images leaves the cache. What a convolution writes is therefore read while its
images are still there: sums for the normalization behind it, and on the way back the pass over the
normalization before it. A normalization in turn is done only when a convolution reads its output.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.native.bias import add_bias, bias_backward
from qsched.native.blocks import normalize_inputs_backward
from qsched.native.compiler import compiled
from qsched.native.convolution import NOTHING, convolve, weights_gradient
from qsched.native.gemm import transpose
from qsched.native.norm import norm_add_values
from qsched.native.patches import add_border, patch_gradient
from qsched.native.program import (
    BACK,
    BIAS,
    BORDERED,
    CHANNELS,
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
    NORM,
    PADDING,
    PIXELS,
    SIZE,
    SLOPE,
    SOURCE,
    TARGET,
    WEIGHT,
)
from qsched.native.simd import clear

__all__ = ["begin_backward", "convolve_images", "images_backward", "is_kind"]


@compiled
def is_kind(ops: Any, i: int, kind: int) -> bool:
    """Return whether there is an operation number ``i``, and it is of a kind."""
    return bool(0 <= i < len(ops) and ops[i, KIND] == kind)


@compiled
def convolve_images(
    ops: Any, i: int, jobs: Any, part: Any, work: Any, weights: Any, values: Any, sums: Any
) -> None:
    """Convolve some images, and add their sums where a normalization follows.

    Args:
        ops: table of operations.
        i: which of them.
        jobs: of all convolutions.
        part: (first, number) of the images.
        work: array of activations.
        weights: effective ones.
        values: parameters.
        sums: of the normalization, see :func:`qsched.native.norm.norm_add_values`.
    """
    op = ops[i]
    ld, pixels = op[LD], op[PIXELS]
    source, image = op[IN_PIXELS] * op[IN_LD], pixels * ld
    summed, end = is_kind(ops, i + 1, NORM), part[0] + part[1]
    if summed and part[0] == 0:
        clear(sums, 0, 2 * ld)
    for first in range(part[0], end, GROUP):
        count, to = min(GROUP, end - first), op[TARGET] + first * image
        at = op[SOURCE] + first * source, source
        convolve(
            jobs, op[JOB], count, work, at, weights, (op[WEIGHT], ld), work, (to, image), NOTHING
        )
        if op[BIAS] >= 0:
            add_bias(work, to, count * pixels, ld, values, op[BIAS])
        if summed:
            norm_add_values(work, to, count * pixels, ld, sums)


@compiled
def begin_backward(op: Any, effective: Any, turned: Any, grads: Any) -> None:
    """Clear the gradient of a convolution's weights, and transpose its weights."""
    inputs, outputs, ld, in_ld = op[IN_CHANNELS], op[CHANNELS], op[LD], op[IN_LD]
    taps = op[SIZE] ** 2
    clear(grads, op[WEIGHT], taps * inputs * ld)
    if not op[FIRST]:
        for tap in range(taps):
            at, to = op[WEIGHT] + tap * inputs * ld, tap * outputs * in_ld
            transpose(effective, at, ld, turned, to, in_ld, inputs, outputs)


@compiled
def images_backward(i: int, net: Any, state: Any, part: Any, grad: int, other: int) -> None:
    """Take gradients of some images back through a convolution and the normalization behind it.

    Args:
        i: which operation.
        net: the network.
        state: of the lane.
        part: (first, number) of the images.
        grad: place of the gradient of the output, or of what the normalization left of it.
        other: place of the gradient of the input.
    """
    op, work, jobs, end = net.ops[i], state.work, net.jobs, part[0] + part[1]
    image, in_image, zero = op[PIXELS] * op[LD], op[IN_PIXELS] * op[IN_LD], np.int64(0)
    for first in range(part[0], end, GROUP):
        count = min(GROUP, end - first)
        if is_kind(net.ops, i + 1, NORM):
            rows = first * op[PIXELS], count * op[PIXELS]
            normalize_inputs_backward(net.ops[i + 1], net, state, grad, rows)
        slope, at = (grad + first * image, image), op[SOURCE] + first * in_image
        _weights_backward(op, jobs, work, count, at, slope, state.grads)
        if not op[FIRST]:
            to, weights = (other + first * in_image, in_image), (zero, op[IN_LD])
            step = op[IN_LD] * GROUP if is_kind(net.ops, i - 1, NORM) else 0
            ahead = net.ops[i - 1, SOURCE] + first * in_image, at + GROUP * in_image, step
            convolve(jobs, op[BACK], count, work, slope, state.turned, weights, work, to, ahead)
    if op[BIAS] >= 0 and end == net.batch:
        bias_backward(work, grad, end * op[PIXELS], op[LD], state.grads, op[BIAS])


@compiled
def _weights_backward(
    op: Any, jobs: Any, work: Any, count: int, at: int, slope: Any, grads: Any
) -> None:
    weight, image = (op[WEIGHT], op[LD]), op[IN_PIXELS] * op[IN_LD]
    if op[BORDERED] < 0:
        weights_gradient(jobs, op[SLOPE], count, work, (at, image), slope, grads, weight)
        return
    size = op[IN_HEIGHT], op[IN_WIDTH]
    for example in range(count):
        frame, place = op[BORDERED], at + example * image
        add_border(work, place, size, op[IN_LD], frame, op[IN_CHANNELS], op[PADDING])
        grad = slope[0] + example * slope[1]
        patch_gradient(jobs, op[SLOPE], work, frame, grad, grads, weight)
