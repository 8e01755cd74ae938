"""What is trained: tasks, networks and stand-in data, registered as a plugin would.

Importing this module registers them, in the main process as in every worker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from qsched.errors import QschedError
from qsched.lanes.layers import Activation, BatchNorm, Conv, Flatten, Layer, Linear
from qsched.registry import DATASETS, NETWORKS
from qsched.schedules import Ana, LearningRate, Power, Schedule, Window
from qsched.specs import DataSpec, NetworkSpec, Run, TaskSpec
from qsched.tasks import Dataset, Raw, load_data, prepare
from qsched.tasks.load import FOLDER_VARIABLE

__all__ = ["SPACE", "TASKS", "BenchTask", "make_run", "make_runs", "random_parameters", "task"]

SPACE: Mapping[str, tuple[float, float]] = {
    "learning_rate": (0.003, 0.03),
    "forward_std": (0.1, 0.5),
    "backward_std": (0.3, 1.5),
    "end": (0.5, 0.9),
}
"""What Peer A searches, and from where the schedules of all other rows are drawn."""


@dataclass(frozen=True)
class BenchTask:
    """One task of the benchmark.

    Attributes:
        key: its name on the command line.
        title: its name in the table.
        spec: what is trained.
        plain: trainings in a sample of the plain loops.
        lanes: trainings that torch lanes take together, in one process.
        native: trainings in a sample of the native lanes, for each core.
        trials: of Peer A in a round, for each of its workers; 0: too long for whole trainings.
        stand_in: what random data stand in for; empty if the data are real.
    """

    key: str
    title: str
    spec: TaskSpec
    plain: int
    lanes: int
    native: int
    trials: int
    stand_in: str = ""

    @property
    def steps(self) -> int:
        """Steps of one training."""
        return self.spec.epochs * ((self.spec.data.train or 0) // self.spec.batch_size)


def make_run(spec: TaskSpec, parameters: Mapping[str, float], seed: int) -> Run:
    """Return a training whose uniform noise anneals as four numbers of :data:`SPACE` say."""
    ana = Ana(
        forward_std=parameters["forward_std"],
        backward_std=parameters["backward_std"],
        backward_floor=1.0,
    )
    schedule = Schedule(
        window=Window(end=parameters["end"]),
        decay=Power(),
        weights=ana,
        activations=ana,
        learning_rate=LearningRate(initial=parameters["learning_rate"]),
    )
    return Run(task=spec, schedule=schedule, seed=seed)


def random_parameters(seed: int) -> dict[str, float]:
    """Draw a point of :data:`SPACE`."""
    rng = np.random.default_rng(seed)
    return {name: float(rng.uniform(low, high)) for name, (low, high) in SPACE.items()}


def make_runs(spec: TaskSpec, count: int, first: int = 0) -> list[Run]:
    """Return trainings of different schedules and seeds, numbers ``first`` and up."""
    seeds = range(first, first + count)
    return [make_run(spec, random_parameters(seed), seed) for seed in seeds]


def task(key: str) -> BenchTask:
    """Return the task called ``key``; reads which data there are."""
    return TASKS[key]()


def _digits() -> tuple[DataSpec, str]:
    real = find_spec("sklearn") is not None
    name = "digits" if real else "random-1x8x8"
    stand_in = "" if real else "digits (scikit-learn is not installed)"
    return DataSpec(name=name, train=960, validation=400), stand_in


@cache
def _fashion() -> tuple[DataSpec, str]:
    real = DataSpec(name="fashion-mnist", train=1280, validation=400)
    if os.environ.get(FOLDER_VARIABLE):
        try:
            load_data(real)
            return real, ""
        except QschedError:
            pass
    random = real.model_copy(update={"name": "random-1x28x28"})
    return random, "Fashion-MNIST (name its folder by QSCHED_DATA)"


def _mlp9() -> BenchTask:
    data, stand_in = _digits()
    network = NetworkSpec(name="mlp9", width=16)
    spec = TaskSpec(data=data, network=network, epochs=10, batch_size=32)
    return BenchTask("mlp9", "digits, mlp9 of width 16", spec, 1, 64, 96, 6, stand_in)


def _mlp64() -> BenchTask:
    data, stand_in = _digits()
    spec = TaskSpec(data=data, network=NetworkSpec(name="mlp-64-64"), epochs=10, batch_size=64)
    return BenchTask("mlp64", "digits, MLP 64-64-64-10", spec, 3, 32, 96, 12, stand_in)


def _cnn8() -> BenchTask:
    data, stand_in = _digits()
    spec = TaskSpec(data=data, network=NetworkSpec(name="cnn-8x8"), epochs=10, batch_size=64)
    return BenchTask("cnn8", "digits, CNN 16-32-32 on 8x8", spec, 1, 4, 12, 4, stand_in)


def _cnn28() -> BenchTask:
    data, stand_in = _fashion()
    spec = TaskSpec(data=data, network=NetworkSpec(name="cnn-28x28"), epochs=3, batch_size=64)
    return BenchTask("cnn28", "Fashion-MNIST, CNN 16-32-32 on 28x28", spec, 1, 2, 2, 3, stand_in)


def _vgg8() -> BenchTask:
    data = DataSpec(name="random-3x32x32", train=16, validation=16)
    spec = TaskSpec(data=data, network=NetworkSpec(name="vgg8"), epochs=1, batch_size=8)
    return BenchTask("vgg8", "CIFAR-10 shapes, VGG8, two steps", spec, 1, 1, 1, 0, "CIFAR-10")


TASKS: Mapping[str, Callable[[], BenchTask]] = {
    "mlp9": _mlp9,
    "mlp64": _mlp64,
    "cnn8": _cnn8,
    "cnn28": _cnn28,
    "vgg8": _vgg8,
}


def mlp(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build two hidden layers of 64 features."""
    hidden = (Linear(width or 64), BatchNorm(), Activation())
    return (Flatten(), *hidden, *hidden, Linear(classes, quantized=False, bias=True))


def cnn(strides: Iterable[int], width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build three 3x3 convolutions of ``width``, twice and twice as many channels."""
    base = width or 16
    blocks = [
        (Conv(channels, stride=stride), BatchNorm(), Activation())
        for channels, stride in zip((base, 2 * base, 2 * base), strides, strict=True)
    ]
    hidden = tuple(layer for block in blocks for layer in block)
    return (*hidden, Flatten(), Linear(classes, quantized=False, bias=True))


def random_images(shape: tuple[int, ...], spec: DataSpec, folder: Path | None) -> Dataset:
    """Make images of ten noisy patterns: of a shape, where the real data are not at hand."""
    rng = np.random.default_rng(0)
    patterns = rng.random((10, *shape), dtype=np.float32)

    def draw(count: int) -> Raw:
        y = np.arange(count) % 10
        x = patterns[y] + rng.standard_normal((count, *shape), dtype=np.float32)
        return Raw(x, y.astype(np.int64))

    return prepare(spec, draw((spec.train or 0) + spec.validation), draw(10), classes=10)


NETWORKS.add("mlp-64-64", mlp)
NETWORKS.add("cnn-8x8", partial(cnn, (1, 2, 1)))
NETWORKS.add("cnn-28x28", partial(cnn, (1, 2, 2)))
for _shape in ((1, 8, 8), (1, 28, 28), (3, 32, 32)):
    DATASETS.add(f"random-{'x'.join(map(str, _shape))}", partial(random_images, _shape))
