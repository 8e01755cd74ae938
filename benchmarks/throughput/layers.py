"""The 3x3 convolutions of a network alone: forward and both gradients, as native lanes do them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.throughput.flops import layer_flops
from benchmarks.throughput.tasks import task
from qsched.lanes.layers import Conv
from qsched.lanes.plan import Node, make_plan
from qsched.native.compiler import entry
from qsched.native.convolution import NOTHING, convolve, weights_gradient
from qsched.native.geometry import Convolution
from qsched.native.patches import add_border, patch_gradient
from qsched.tasks import build_network, load_data

__all__ = ["convolutions"]

LANE = 16
"""Numbers of a vector; channels are padded to a multiple of it."""


def convolutions(key: str, seconds: float = 0.5) -> float:
    """Return the rate of a task's 3x3 convolutions in training steps, in operations/s.

    Each is timed for an equal share of ``seconds``; the rate is that of one after the other.
    """
    spec = task(key).spec
    data = load_data(spec.data)
    nodes = make_plan(build_network(spec, data.classes), data.shape).nodes
    layers = [node for node in nodes if isinstance(node.layer, Conv)]
    parts = [
        _timed(node, spec.batch_size, first=node is layers[0], seconds=seconds / len(layers))
        for node in layers
    ]
    return sum(flops for flops, _ in parts) / sum(time for _, time in parts)


def _timed(node: Node, batch: int, *, first: bool, seconds: float) -> tuple[int, float]:
    """Return a layer's operations in a step, and the least seconds that they took."""
    arguments = _arguments(node, batch, first)
    _step(*arguments)
    least, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        _step(*arguments)
        least = min(least, time.perf_counter() - began)
    return (2 if first else 3) * batch * layer_flops(node), float(least)


def _arguments(node: Node, batch: int, first: bool) -> tuple[Any, ...]:
    layer = node.layer
    assert isinstance(layer, Conv)
    (inputs, height, width), (outputs, *size) = node.inputs, node.outputs
    in_ld, ld = inputs if first else -(-inputs // LANE) * LANE, -(-outputs // LANE) * LANE
    shape = Convolution(
        (height, width),
        (size[0], size[1]),
        layer.kernel,
        layer.stride,
        layer.padding,
        (inputs, outputs),
        (in_ld, ld),
    )
    weights = shape.patch_gradient() if shape.framed else shape.weights_gradient()
    rng = np.random.default_rng(0)

    def array(length: int) -> np.ndarray:
        return rng.standard_normal(length + 8 * LANE, dtype=np.float32)

    image, out = height * width * in_ld, size[0] * size[1] * ld
    frame = (height + 2 * layer.padding) * (width + 2 * layer.padding) * inputs
    taps = layer.kernel**2
    return (
        (shape.forward(), shape.inputs_gradient(), weights),
        (batch, first, shape.framed, (height, width), inputs, layer.padding),
        (image, out, in_ld, ld),
        (array(batch * (image + out) + frame), array(batch * max(image, out))),
        (array(taps * inputs * ld), array(taps * outputs * in_ld), array(taps * inputs * ld)),
    )


@entry
def _step(fingerprint: str) -> Any:
    def step(jobs: Any, what: Any, sizes: Any, images: Any, weights: Any) -> str:
        forward, backward, slopes = jobs
        batch, first, framed, size, inputs, padding = what
        image, out, in_ld, ld = sizes
        (work, y), (ahead, back, grads) = images, weights
        zero, grad = np.int64(0), batch * image
        frame = grad + batch * out
        source, slope = (zero, image), (grad, out)
        convolve(forward, zero, batch, work, source, ahead, (zero, ld), y, (zero, out), NOTHING)
        if framed:
            for example in range(batch):
                add_border(work, example * image, size, in_ld, frame, inputs, padding)
                place = grad + example * out
                patch_gradient(slopes, zero, work, frame, place, grads, (zero, ld))
        else:
            weights_gradient(slopes, zero, batch, work, source, slope, grads, (zero, ld))
        if not first:
            to = zero, image
            convolve(backward, zero, batch, work, slope, back, (zero, in_ld), y, to, NOTHING)
        return fingerprint

    return step
