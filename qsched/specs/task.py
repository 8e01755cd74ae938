"""Tasks: what a schedule is scored on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from qsched.schedules.base import Frozen

__all__ = ["DataSpec", "Levels", "NetworkSpec", "OptimizerSpec", "Precision", "TaskSpec"]

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Memory = Annotated[float, Field(ge=0, lt=1)]
Levels = Literal[
    "ternary", "binary", "2-bit", "4-bit", "power-of-two-3", "power-of-two-5", "float"
]


class DataSpec(Frozen):
    """Which data, and how it is split.

    Attributes:
        name: data set, a key of :data:`qsched.registry.DATASETS`.
        train: number of training examples; None is all that validation leaves.
        validation: number of validation examples, held out of the published training set.
        pool: side of the mean pooling applied to images once, on loading; 1 is none.
        augment: random crops (pad 4) and horizontal flips in training.
    """

    name: str
    train: Count | None = None
    validation: Count
    pool: Count = 1
    augment: bool = False


class NetworkSpec(Frozen):
    """Which network: a key of :data:`qsched.registry.NETWORKS` and its width.

    Attributes:
        name: the network.
        width: features or channels of a hidden layer; None is the network's own.
    """

    name: str
    width: Count | None = None


class Precision(Frozen):
    """Levels of the quantized weights and activations.

    Attributes:
        weights: levels of the weights.
        activations: levels of the activations.
        first: whether the first layer's weights are quantized.
        last: whether the last (classifier) layer's weights are quantized.
    """

    weights: Levels = "ternary"
    activations: Levels = "ternary"
    first: bool = True
    last: bool = False


class OptimizerSpec(Frozen):
    """The optimizer recipe of a task; the learning rate's course belongs to the schedule.

    Attributes:
        name: ``adam`` or ``sgd``.
        learning_rate: the center of learning-rate tuning.
        momentum: SGD's momentum.
        betas: Adam's decay rates.
        eps: Adam's epsilon: large enough that inputs that never vary do not amplify rounding.
        weight_decay: L2 penalty added to the gradient of the weights (not of biases and
            normalization).
        clip: largest gradient norm of a run; None is no clipping.
    """

    name: Literal["adam", "sgd"] = "adam"
    learning_rate: Positive = 0.01
    momentum: Memory = 0.9
    betas: tuple[Memory, Memory] = (0.9, 0.999)
    eps: Positive = 1e-6
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Positive | None = None


class TaskSpec(Frozen):
    """What a schedule is scored on: data, network, precision, optimizer recipe."""

    data: DataSpec
    network: NetworkSpec
    precision: Precision = Precision()
    optimizer: OptimizerSpec = OptimizerSpec()
    epochs: Count
    batch_size: Count
