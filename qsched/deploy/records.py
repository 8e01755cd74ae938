"""A hard network as data: a chain of layers with integer weights, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AvgPool",
    "Conv",
    "Flatten",
    "Floats",
    "HardNetwork",
    "Input",
    "Integers",
    "Layer",
    "Linear",
    "MaxPool",
    "Metadata",
    "Norm",
    "Reference",
    "Stair",
    "Weighted",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Size = tuple[int, int]


@dataclass(frozen=True)
class Input:
    r"""How inputs become integers.

    .. math:: q = \mathrm{clip}(\mathrm{round}(x / step), low, high)

    Halves go to the even integer. The step is a power of two, so that the division is exact.

    Attributes:
        shape: of one example: (C, H, W) or (D,).
        step: a power of two.
        low: smallest integer.
        high: largest integer.
    """

    shape: tuple[int, ...]
    step: float
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class Weighted:
    """What layers with weights share: weights are ``levels * scale``.

    Attributes:
        name: the layer's name.
        levels: [O, D] or [O, C / groups, kh, kw].
        scale: of each output channel, > 0, [O].
        bias: of each output channel, [O]; None is 0.
    """

    name: str
    levels: Integers
    scale: Floats
    bias: Floats | None


@dataclass(frozen=True, eq=False)
class Linear(Weighted):
    """A fully connected layer."""


@dataclass(frozen=True, eq=False)
class Conv(Weighted):
    """A convolution with zero padding.

    Attributes:
        stride: rows, columns.
        padding: rows, columns, on either side.
        groups: of channels.
    """

    stride: Size = (1, 1)
    padding: Size = (0, 0)
    groups: int = 1


@dataclass(frozen=True, eq=False)
class Norm:
    r"""Batch normalization by running statistics.

    .. math:: y = (x - mean) / \sqrt{variance + eps} \cdot scale + shift

    Attributes:
        name: the layer's name.
        mean, variance, scale, shift: of each channel, [C].
        eps: > 0.
    """

    name: str
    mean: Floats
    variance: Floats
    scale: Floats
    shift: Floats
    eps: float


@dataclass(frozen=True, eq=False)
class Stair:
    r"""An activation: ``quantum * levels[number of thresholds t with t <= x]``.

    Attributes:
        name: the layer's name.
        thresholds: B numbers, increasing, in units of the input.
        levels: B + 1 integers, increasing.
        quantum: > 0.
    """

    name: str
    thresholds: Floats
    levels: Integers
    quantum: float


@dataclass(frozen=True)
class MaxPool:
    """Max pooling without padding; what does not fill a window is left out."""

    name: str
    size: Size
    stride: Size


@dataclass(frozen=True)
class AvgPool:
    """Mean pooling without padding; what does not fill a window is left out."""

    name: str
    size: Size
    stride: Size


@dataclass(frozen=True)
class Flatten:
    """Images to features, in the order channel, row, column."""

    name: str


Layer = Linear | Conv | Norm | Stair | MaxPool | AvgPool | Flatten


@dataclass(frozen=True)
class Metadata:
    """Where a network came from.

    Attributes:
        version: of qsched.
        task: what it was trained on, as in a study file; None if it was traced.
        schedule: name of the schedule it was trained by.
        schedule_sha256: of the schedule.
        seed: of the run.
        trained_accuracy: on the test split, measured in training: float inputs, float classifier.
        rounded_accuracy: the same network's on inputs that are rounded as those of this one.
        accuracy: on the test split, of this network.
    """

    version: str
    task: dict[str, Any] | None = None
    schedule: str | None = None
    schedule_sha256: str | None = None
    seed: int | None = None
    trained_accuracy: float | None = None
    rounded_accuracy: float | None = None
    accuracy: float | None = None


@dataclass(frozen=True, eq=False)
class Reference:
    """Logits of the trained network itself, on rounded inputs.

    Attributes:
        logits: [N, classes], in float64.
        tolerance: how far rounding the classifier can move a logit.
        inputs_sha256: of the rounded inputs.
        x: the inputs [N, ...], if they are kept.
    """

    logits: Floats
    tolerance: float
    inputs_sha256: str
    x: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class HardNetwork:
    """A trained network with nothing relaxed in it.

    All weights are integers times a scale, those of the classifier, too; nothing but
    normalization is left in floating point.

    Attributes:
        input: how inputs become integers.
        layers: the chain.
        metadata: where it came from.
        reference: what the trained network itself computes, to compare with.
    """

    input: Input
    layers: tuple[Layer, ...]
    metadata: Metadata = field(default_factory=lambda: Metadata(version=""))
    reference: Reference | None = None
