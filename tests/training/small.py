"""Small tasks on made-up data, registered once, that the tests of the training wing share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool,
    Residual,
)
from qsched.registry import DATASETS, NETWORKS
from qsched.schedules import Ana, Inq, LearningRate, Schedule, Steps, Window
from qsched.specs import DataSpec, NetworkSpec, OptimizerSpec, Precision, Run, TaskSpec
from qsched.tasks import Dataset, Split

TRAIN, VALIDATION, TEST, CLASSES = 70, 37, 41, 3
SHAPES = {"small-features": (6,), "small-images": (2, 6, 6)}
HEAD = Linear(CLASSES, quantized=False, bias=True)


def _load(spec: DataSpec, folder: Path | None) -> Dataset:
    shape = SHAPES[spec.name]
    random = np.random.default_rng(5)
    patterns = random.normal(size=(CLASSES, *shape))

    def split(size: int) -> Split:
        y = random.integers(0, CLASSES, size)
        x = patterns[y] + random.normal(size=(size, *shape))
        return Split(x.astype(np.float32), y.astype(np.int64))

    parts = split(TRAIN), split(VALIDATION), split(TEST)
    return Dataset(*parts, CLASSES, shape, spec.augment)


def _mlp(width: int | None, classes: int) -> tuple[Layer, ...]:
    hidden = (Linear(7), BatchNorm(), Activation())
    return (Flatten(), *hidden * (width or 2), HEAD)


def _cnn(width: int | None, classes: int) -> tuple[Layer, ...]:
    # Pooling comes before the quantizer: saturated values tie, and rounding would break the ties.
    after = (BatchNorm(), Activation())
    second = Conv(5, stride=2, bias=True)
    return (Conv(4), MaxPool(), *after, second, *after, GlobalAveragePool(), HEAD)


def _residual(width: int | None, classes: int) -> tuple[Layer, ...]:
    body = (Conv(6, stride=2), BatchNorm(), Activation(), Conv(6), BatchNorm())
    projection = (Conv(6, kernel=1, stride=2, padding=0), BatchNorm())
    same = (Conv(6), BatchNorm())
    stem = (Conv(4), BatchNorm(), Activation())
    blocks = (Residual(body, projection), Activation(), Residual(same), Activation())
    return (*stem, *blocks, Flatten(), HEAD)


for name in SHAPES:
    DATASETS.add(name, _load)
for name, network in {"small-mlp": _mlp, "small-cnn": _cnn, "small-residual": _residual}.items():
    NETWORKS.add(name, network)


def small_task(
    network: str = "small-mlp", *, width: int | None = None, **changes: object
) -> TaskSpec:
    """Return a task of 70 training examples and 4 steps an epoch."""
    data = "small-features" if network == "small-mlp" else "small-images"
    fields: dict[str, object] = {
        "data": DataSpec(name=data, validation=VALIDATION),
        "network": NetworkSpec(name=network, width=width),
        "precision": Precision(),
        "optimizer": OptimizerSpec(),
        "epochs": 2,
        "batch_size": 16,
    }
    return TaskSpec(**{**fields, **changes})  # type: ignore[arg-type]


def ana(**changes: object) -> Ana:
    """Return a method with all of its features in use."""
    fields = {"forward_std": 0.4, "backward_std": 0.5, "backward_floor": 0.3, "mean": -0.2}
    return Ana(**{**fields, **changes})  # type: ignore[arg-type]


def schedule(weights: Ana | Inq | None, activations: Ana | None, **changes: object) -> Schedule:
    """Return a schedule that hardens within the first three quarters of training."""
    fields: dict[str, object] = {
        "window": Window(end=0.75, offset_start=0.3),
        "weights": weights,
        "activations": activations,
        "learning_rate": LearningRate(initial=0.02),
    }
    return Schedule(**{**fields, **changes})  # type: ignore[arg-type]


STATIC = Ana(forward_std=0.0, backward_std=12**-0.5, backward_floor=1.0)
"""Clipped STE."""


def inq(partition: str = "magnitude", *, reset: bool = False, **changes: object) -> Schedule:
    """Return a schedule that freezes weights in three stages beside static activations."""
    method = Inq(partition=partition, reset_optimizer=reset)  # type: ignore[arg-type]
    stages = Steps(fractions=(0.4, 0.7, 1.0))
    return schedule(method, STATIC, window=Window(start=0.0, end=0.9), decay=stages, **changes)


def mixed_schedules() -> list[Schedule]:
    """Return schedules of every method, family, forward mode and partition, mixed up."""
    families = ("uniform", "triangular", "normal", "logistic")
    forwards = ("expectation", "mode", "random")
    noisy = [ana(family=family, forward=forward) for family in families for forward in forwards]
    both = [schedule(method, noisy[(i * 5 + 3) % 12]) for i, method in enumerate(noisy)]
    partitions = ("magnitude", "random", "smallest", "error", "rpr")
    frozen = [inq(partition, reset=i % 2 == 0) for i, partition in enumerate(partitions)]
    others = [schedule(None, None), schedule(STATIC, STATIC), schedule(None, noisy[0])]
    ordered = [*both, *frozen, *others]
    return [ordered[(7 * i) % len(ordered)] for i in range(len(ordered))]


def make_run(task: TaskSpec, schedule: Schedule, seed: int = 0, **changes: object) -> Run:
    return Run(task=task, schedule=schedule, seed=seed, **changes)  # type: ignore[arg-type]
