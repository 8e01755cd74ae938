"""From a task's specification to its data set and its network."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from qsched.errors import DataError, InputError
from qsched.lanes.layers import Layer
from qsched.registry import DATASETS, NETWORKS
from qsched.specs import DataSpec, TaskSpec
from qsched.tasks.data import Dataset, Split
from qsched.tasks.foreign import foreign
from qsched.tasks.networks import with_precision
from qsched.tasks.own import OwnNetwork

__all__ = ["FOLDER_VARIABLE", "build_network", "load_data", "own_network"]

FOLDER_VARIABLE = "QSCHED_DATA"


def load_data(spec: DataSpec, folder: Path | None = None) -> Dataset:
    """Load a data set by its name; the last two stay in memory and are shared: do not change them.

    Args:
        spec: name, sizes and pooling.
        folder: where the files lie, in ``folder/NAME/`` or directly in it; by default the value
            of the environment variable ``QSCHED_DATA``.

    Raises:
        UnknownNameError: no data set has this name.
        DataError: a file is missing, truncated or not what it should be.
        InputError: the sizes or the pooling do not fit the data set, or its loader raises.

    >>> data = load_data(DataSpec(name="digits", validation=400))
    >>> len(data.train), len(data.validation), len(data.test), data.shape
    (960, 400, 437, (1, 8, 8))
    """
    named = os.environ.get(FOLDER_VARIABLE)
    return _load(spec, folder or (Path(named).expanduser() if named else None))


def build_network(task: TaskSpec, classes: int) -> tuple[Layer, ...]:
    """Build a task's network, with first and last layer quantized as its precision says.

    Raises:
        UnknownNameError: no network has this name.
        InputError: the network cannot have this width, is not made of layers, or its function
            raises.
    """
    name = task.network.name
    network = NETWORKS.load(name)
    if isinstance(network, OwnNetwork):
        layers = _own_layers(network, task, classes)
        if isinstance(layers, str):
            raise InputError(
                f"this needs a network of the layers of qsched.lanes.layers, but the model of "
                f"`{name}` has no lane version: {layers}"
            )
    else:
        with foreign(f"the function of the network `{name}`", getattr(network, "__module__", "")):
            layers = network(task.network.width, classes)
    if not isinstance(layers, tuple) or not all(isinstance(layer, Layer) for layer in layers):
        raise InputError(
            f"the network `{name}` must be a tuple of the layers of qsched.lanes.layers, "
            f"but it is {layers!r}; mend its function"
        )
    return with_precision(layers, task.precision)


def own_network(task: TaskSpec) -> OwnNetwork | None:
    """Return the network of a task if it is a user's own model without a lane version."""
    network = NETWORKS.load(task.network.name)
    if not isinstance(network, OwnNetwork):
        return None
    layers = _own_layers(network, task, load_data(task.data).classes)
    return network if isinstance(layers, str) else None


def _own_layers(network: OwnNetwork, task: TaskSpec, classes: int) -> tuple[Layer, ...] | str:
    with foreign(f"the function of the network `{task.network.name}`", ""):
        return network.layers(task.network.width, classes)


@lru_cache(maxsize=2)
def _load(spec: DataSpec, folder: Path | None) -> Dataset:
    loader = DATASETS.load(spec.name)
    with foreign(f"the loader of the data set `{spec.name}`", getattr(loader, "__module__", "")):
        data: Dataset = loader(spec, folder)
    _check(spec, data)
    return data


def _check(spec: DataSpec, data: object) -> None:
    """Hold what a loader returned, perhaps a user's own, to the contract of :class:`Dataset`."""
    if not isinstance(data, Dataset):
        raise DataError(
            f"the loader of `{spec.name}` must return a qsched.tasks.Dataset, "
            f"but it returned {type(data).__name__}"
        )
    for name, split in (
        ("train", data.train),
        ("validation", data.validation),
        ("test", data.test),
    ):
        fault = _fault(split, data)
        if fault:
            raise DataError(f"the {name} split of `{spec.name}` {fault}; mend its loader")


def _fault(split: Split, data: Dataset) -> str | None:
    if split.x.dtype != np.float32 or split.y.dtype != np.int64:
        return f"must have float32 x and int64 y, but has {split.x.dtype} and {split.y.dtype}"
    if len(split) == 0 or split.y.ndim != 1 or split.x.shape != (len(split), *data.shape):
        return (
            f"must have x of shape (N, {', '.join(map(str, data.shape))}) and y of shape (N,) "
            f"with N >= 1, but has {split.x.shape} and {split.y.shape}"
        )
    if split.y.min() < 0 or split.y.max() >= data.classes:
        return (
            f"must have classes 0 to {data.classes - 1}, "
            f"but has {split.y.min()} to {split.y.max()}"
        )
    if not np.isfinite(split.x).all():
        return "must have finite inputs, but has NaN or infinity"
    return None
