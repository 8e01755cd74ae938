"""Features of a task: the few numbers by which tasks are told apart, without loading anything."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt
from types import MappingProxyType

import numpy as np

from qsched.errors import InputError
from qsched.specs import TaskSpec

__all__ = ["FEATURES", "TaskFeatures", "features"]

FEATURES = ("depth", "steps", "levels", "fan_in", "batch_size", "noise_to_step")
"""The features that rules may use and distances are taken in; all are > 0."""

_NETWORK_SHAPES: MappingProxyType[str, tuple[int, int, int]] = MappingProxyType(
    {
        # name: (quantized layers, median inputs of a hidden neuron / width, width by default)
        "mlp3": (3, 1, 16),
        "mlp6": (6, 1, 16),
        "mlp9": (9, 1, 16),
        "mlp14": (14, 1, 16),
        "cnn5": (5, 9, 16),
        "cnn9": (9, 9, 16),
        "vgg8": (7, 18, 128),
        "resnet20": (19, 18, 16),
        "tnn3": (3, 9, 32),
        "tnn96": (7, 9, 96),
    }
)

_TRAINING_EXAMPLES = MappingProxyType(
    {
        "digits": 1360,
        "mnist": 60000,
        "fashion-mnist": 60000,
        "cifar10": 50000,
        "breast-cancer": 400,
        "wine": 125,
    }
)
"""Published training examples, validation included."""

_LEVELS = MappingProxyType(
    {
        "binary": 2,
        "ternary": 3,
        "2-bit": 4,
        "4-bit": 16,
        "power-of-two-3": 5,
        "power-of-two-5": 17,
    }
)


@dataclass(frozen=True)
class TaskFeatures:
    r"""What of a task a rule may depend on.

    Attributes:
        depth: number of quantized layers.
        steps: optimizer steps of a training.
        levels: levels of a weight.
        fan_in: inputs of a hidden neuron, the median over layers.
        batch_size: examples a step.
        noise_to_step: spread of initial weights around the threshold they start at, in quanta:
            :math:`1 / \sqrt{3\,fan\_in}`.
    """

    depth: float
    steps: float
    levels: float
    fan_in: float
    batch_size: float
    noise_to_step: float

    def values(self) -> np.ndarray:
        """Return the features in the order of :data:`FEATURES`."""
        return np.array([getattr(self, name) for name in FEATURES])

    def logs(self) -> np.ndarray:
        """Return the logarithms of the features, in which distances are taken."""
        return np.array([log(value) for value in self.values()])


def features(
    task: TaskSpec,
    *,
    length: float = 1.0,
    depth: int | None = None,
    fan_in: int | None = None,
    examples: int | None = None,
) -> TaskFeatures:
    """Return the features of a task.

    Args:
        task: the task.
        length: training length, as a share of the task's epochs, in (0, 1].
        depth: number of quantized layers; needed for networks that are not bundled.
        fan_in: inputs of a hidden neuron; needed for networks that are not bundled.
        examples: training examples; needed where ``task.data.train`` is not set and the data set
            is not a published one.

    Raises:
        InputError: depth, fan-in or the number of examples is neither known nor given, or the
            weights are not quantized.

    >>> from qsched.specs import DataSpec, NetworkSpec
    >>> task = TaskSpec(data=DataSpec(name="digits", train=960, validation=400),
    ...                 network=NetworkSpec(name="mlp9"), epochs=10, batch_size=32)
    >>> found = features(task)
    >>> found.depth, found.steps, found.levels, found.fan_in
    (9.0, 300.0, 3.0, 16.0)
    """
    deep, inputs = _shape(task, depth, fan_in)
    if task.precision.weights not in _LEVELS:
        raise InputError(
            "a recommendation needs quantized weights, but `precision.weights` is "
            f"`{task.precision.weights}`"
        )
    size = _examples(task, examples)
    return TaskFeatures(
        depth=float(deep),
        steps=float(max(1, round(task.epochs * (size // task.batch_size) * length))),
        levels=float(_LEVELS[task.precision.weights]),
        fan_in=float(inputs),
        batch_size=float(task.batch_size),
        noise_to_step=1 / sqrt(3 * inputs),
    )


def _shape(task: TaskSpec, depth: int | None, fan_in: int | None) -> tuple[int, int]:
    known = _NETWORK_SHAPES.get(task.network.name)
    if known is not None:
        layers, factor, width = known
        return depth or layers, fan_in or factor * (task.network.width or width)
    if depth is None or fan_in is None:
        raise InputError(
            f"depth and fan-in of the network `{task.network.name}` are not known; "
            "give them with --depth and --fan-in"
        )
    return depth, fan_in


def _examples(task: TaskSpec, examples: int | None) -> int:
    if task.data.train is not None:
        return task.data.train
    total = _TRAINING_EXAMPLES.get(task.data.name)
    if examples is None and total is None:
        raise InputError(
            f"the number of training examples of `{task.data.name}` is not known; "
            "set `data.train`, or give it with --examples"
        )
    return examples if examples is not None else int(total or 0) - task.data.validation
