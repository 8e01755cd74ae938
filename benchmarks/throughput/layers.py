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
from qsched.native.convolution import convolve, weights_gradient
from qsched.native.geometry import backward_border, backward_jobs, forward_job
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
    in_ld, ld = -(-inputs // LANE) * LANE, -(-outputs // LANE) * LANE
    image = height + 2 * layer.padding, width + 2 * layer.padding
    edge = backward_border(layer.kernel, layer.stride)
    forward = forward_job(image, (size[0], size[1]), (layer.kernel, layer.stride, inputs), ld)
    kernel = layer.kernel, layer.stride, layer.padding
    backward = backward_jobs((height, width), (size[0], size[1]), kernel, (in_ld, ld), outputs)
    rng = np.random.default_rng(0)

    def array(length: int) -> np.ndarray:
        return rng.standard_normal(length + 8 * LANE, dtype=np.float32)

    frames = image[0] * image[1] * inputs, (size[0] + 2 * edge) * (size[1] + 2 * edge) * ld
    pixels = size[0] * size[1] * ld, height * width * in_ld
    taps = layer.kernel**2
    return (
        (forward, backward, batch, layer.stride**2, first),
        (frames[0], pixels[0], frames[1], pixels[1], ld, in_ld),
        (array(batch * frames[0]), array(taps * inputs * ld), array(batch * pixels[0])),
        (array(batch * frames[1]), array(taps * outputs * in_ld), array(batch * pixels[1])),
        array(taps * inputs * ld),
    )


@entry
def _step(fingerprint: str) -> Any:
    def step(what: Any, sizes: Any, ahead: Any, back: Any, grads: Any) -> str:
        forward, backward, batch, jobs, first = what
        frame, out, back_frame, into, ld, in_ld = sizes
        zero = np.int64(0)
        x, weights, y = ahead
        convolve(forward, zero, batch, x, (zero, frame), weights, (zero, ld), y, (zero, out))
        weights_gradient(forward, zero, batch, x, (zero, frame), (zero, out), grads, (zero, ld))
        if not first:
            slope, turned, dx = back
            job = zero
            for _ in range(jobs):
                job = convolve(
                    backward,
                    job,
                    batch,
                    slope,
                    (zero, back_frame),
                    turned,
                    (zero, in_ld),
                    dx,
                    (zero, into),
                )
        return fingerprint

    return step
