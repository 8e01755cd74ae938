"""Hard networks made up for tests: random weights, every kind of layer, awkward normalization."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qsched.deploy.records import (
    AvgPool,
    Conv,
    Flatten,
    HardNetwork,
    Input,
    Layer,
    Linear,
    MaxPool,
    Metadata,
    Norm,
    Stair,
)

TERNARY = (np.array([-0.5, 0.5]), np.array([-1, 0, 1]), 1.0)
BINARY = (np.array([0.0]), np.array([-1, 1]), 1.0)
TWO_BIT = (np.array([-1.5, -0.5, 0.5]), np.array([-2, -1, 0, 1]), 0.5)
POWERS = (np.array([-1.5, -0.5, 0.5, 1.5]), np.array([-4, -1, 0, 1, 4]), 0.25)
IMAGES = Input((2, 8, 8), 2.0**-5, -128, 127)
TRITS = Input((2, 8, 8), 1.0, -1, 1)


def weights(draw: np.random.Generator, *shape: int, most: int = 1) -> np.ndarray:
    return draw.integers(-most, most + 1, shape)


def conv(draw: np.random.Generator, name: str, outputs: int, inputs: int, **more: object) -> Conv:
    groups = int(more.get("groups", 1))  # type: ignore[call-overload]
    levels = weights(draw, outputs, inputs // groups, 3, 3)
    bias = draw.normal(size=outputs)
    return Conv(name, levels, np.full(outputs, 0.7), bias, **more)  # type: ignore[arg-type]


def norm(draw: np.random.Generator, name: str, channels: int, *, negative: bool = True) -> Norm:
    """Return a normalization with scales of both signs and one that is 0."""
    scale = draw.uniform(0.3, 1.5, channels) * (draw.choice([-1, 1], channels) if negative else 1)
    scale[-1] = 0
    mean, shift = draw.normal(0, 0.7, channels), draw.normal(0, 0.2, channels)
    return Norm(name, mean, draw.uniform(1, 6, channels), scale, shift, 1e-5)


def stair(name: str, kind: tuple[np.ndarray, np.ndarray, float] = TERNARY) -> Stair:
    return Stair(name, *kind)


def linear(
    draw: np.random.Generator,
    name: str,
    outputs: int,
    inputs: int,
    most: int,
    scale: float = 2.0**-9,
) -> Linear:
    levels, bias = weights(draw, outputs, inputs, most=most), draw.normal(size=outputs)
    return Linear(name, levels, np.full(outputs, scale), bias)


def accelerated(seed: int = 0, width: int = 5) -> HardNetwork:
    """Return a network that the accelerator can hold, on ternary 8x8 images."""
    draw = np.random.default_rng(seed)
    layers: tuple[Layer, ...] = (
        conv(draw, "conv1", width, 2, padding=(1, 1)),
        norm(draw, "norm1", width),
        stair("act1"),
        conv(draw, "conv2", width, width),
        norm(draw, "norm2", width),
        stair("act2"),
        conv(draw, "conv3", width, width, padding=(1, 1)),
        norm(draw, "norm3", width),
        stair("act3"),
        MaxPool("pool", (2, 2), (2, 2)),
        Flatten("flatten"),
        linear(draw, "head", 4, 9 * width, 1),
    )
    return HardNetwork(TRITS, layers, Metadata("0"))


def mixed(seed: int = 0) -> HardNetwork:
    """Return a network with every kind of layer, on 8-bit images."""
    draw = np.random.default_rng(seed)
    layers: tuple[Layer, ...] = (
        conv(draw, "conv1", 6, 2, stride=(2, 1), padding=(1, 1)),
        AvgPool("mean", (2, 2), (2, 2)),
        norm(draw, "norm1", 6),
        stair("act1", TWO_BIT),
        conv(draw, "conv2", 12, 6, padding=(1, 1), groups=2),
        MaxPool("max", (2, 2), (1, 1)),
        norm(draw, "norm2", 12, negative=False),
        stair("act2", BINARY),
        AvgPool("all", (1, 3), (1, 3)),
        Flatten("flatten"),
        linear(draw, "linear3", 7, 12, 1, scale=0.6),
        stair("act3", POWERS),
        linear(draw, "head", 3, 7, 9_000),
    )
    return HardNetwork(IMAGES, layers, Metadata("0"))


def examples(network: HardNetwork, count: int = 40, seed: int = 1) -> np.ndarray:
    spec, draw = network.input, np.random.default_rng(seed)
    if spec.step == 1:
        return draw.integers(spec.low, spec.high + 1, (count, *spec.shape)).astype(np.float32)
    return draw.normal(0, 1.5, (count, *spec.shape)).astype(np.float32)


def changed(network: HardNetwork, name: str, **fields: object) -> HardNetwork:
    """Return the network with fields of one layer replaced."""
    layers = tuple(
        replace(layer, **fields) if layer.name == name else layer  # type: ignore[arg-type]
        for layer in network.layers
    )
    return replace(network, layers=layers)
