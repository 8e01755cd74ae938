"""Data sets in memory, and the one way raw examples become a :class:`Dataset`.

Published examples are split, mean pooled and standardized here, so that every data set treats its
test examples alike: they are fixed before anything else, and no statistic is taken of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qsched.errors import InputError
from qsched.specs import DataSpec

__all__ = [
    "SPLIT_SEED",
    "Dataset",
    "Floats",
    "Labels",
    "Raw",
    "Split",
    "prepare",
    "stratified_order",
]

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]

SPLIT_SEED = 2022
"""Seed of every split. It never changes: results are comparable only on the same split."""

STD_FLOOR = 1e-6
"""A feature of smaller standard deviation (inputs lie in [0, 1]) counts as constant."""

CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Raw:
    """Examples as they are published.

    Attributes:
        x: images [N, C, H, W] or features [N, D], of any real type.
        y: classes [N] in 0 .. classes - 1, int64.
    """

    x: NDArray[Any]
    y: Labels


@dataclass(frozen=True, eq=False)
class Split:
    """Examples ready for training.

    Attributes:
        x: images [N, C, H, W] or features [N, D], float32.
        y: classes [N] in 0 .. classes - 1, int64.
    """

    x: Floats
    y: Labels

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three disjoint splits of one data set, standardized by its training split.

    Attributes:
        train: what networks are trained on.
        validation: what schedules are chosen on.
        test: what the claim is tested on, once.
        classes: number of classes.
        shape: of one example: (C, H, W) or (D,).
        augment: whether training images are to be cropped and flipped at random.
    """

    train: Split
    validation: Split
    test: Split
    classes: int
    shape: tuple[int, ...]
    augment: bool = False


def prepare(
    spec: DataSpec, published: Raw, test: Raw, *, classes: int, unit: float = 1.0
) -> Dataset:
    """Split, pool and standardize the published training examples and the test examples.

    Validation is the first ``spec.validation`` examples of :func:`stratified_order`, training the
    next ``spec.train`` (all that are left, if None). So validation does not depend on the number
    of training examples, and a smaller training split is part of a larger one. Images are
    standardized per channel, features each by itself, with mean and standard deviation of the
    training split; inputs that are constant over it become exactly 0 everywhere, since they carry
    nothing and would leave their weights a gradient that is pure rounding.

    Args:
        spec: sizes and pooling.
        published: the published training examples.
        test: the published test examples.
        classes: number of classes.
        unit: what inputs are divided by before all else, such that 1 is a large input: 255 for
            bytes. Inputs that vary by less than 1e-6 of it count as constant.

    Raises:
        InputError: more examples are asked for than there are, or ``spec.pool`` does not divide
            the side of the images, or augmentation is asked of what is not an image.
    """
    if spec.augment and published.x.ndim != 4:
        raise InputError(
            f"augmentation needs images, but `{spec.name}` has plain features; "
            "set data.augment to false"
        )
    stop = spec.validation + _train_size(spec, len(published.y))
    order = stratified_order(published.y, SPLIT_SEED)
    train = _split(published, order[spec.validation : stop], spec, unit)
    validation = _split(published, order[: spec.validation], spec, unit)
    tested = _split(test, np.arange(len(test.y)), spec, unit)
    mean, factor = _standardization(train.x)
    for split in (train, validation, tested):
        # In place: a copy of a large data set may not fit.
        np.subtract(split.x, mean, out=split.x)
        np.multiply(split.x, factor, out=split.x)
    return Dataset(train, validation, tested, classes, train.x.shape[1:], spec.augment)


def stratified_order(y: Labels, seed: int) -> NDArray[np.intp]:
    """Return an order of the examples of which every prefix has all classes in proportion.

    The example of random rank r among the n of its class stands at (r + v) / n with v uniform in
    [0, 1), so the first k of N examples hold k n / N of each class up to rounding and jitter.

    Args:
        y: classes [N].
        seed: of the order; NumPy promises that the stream of ``RandomState`` never changes.

    >>> y = np.repeat([0, 1], [30, 10])
    >>> np.bincount(y[stratified_order(y, seed=0)[:20]]).tolist()
    [15, 5]
    """
    random = np.random.RandomState(seed)
    place = np.empty(len(y))
    for label in np.unique(y):
        members = np.flatnonzero(y == label)
        rank = random.permutation(len(members))
        place[members] = (rank + random.random_sample(len(members))) / len(members)
    return np.argsort(place, kind="stable")


def _train_size(spec: DataSpec, available: int) -> int:
    left = available - spec.validation
    size = left if spec.train is None else spec.train
    if size < 1 or size > left:
        asked = "all others" if spec.train is None else f"{spec.train:,}"
        raise InputError(
            f"training and validation examples of `{spec.name}` come out of {available:,}, but "
            f"{asked} and {spec.validation:,} are asked for; lower data.train or data.validation"
        )
    return size


def _split(raw: Raw, index: NDArray[np.intp], spec: DataSpec, unit: float) -> Split:
    x = raw.x[index].astype(np.float32)
    x /= np.float32(unit)
    return Split(_pool(x, spec), raw.y[index])


def _pool(x: Floats, spec: DataSpec) -> Floats:
    if spec.pool == 1:
        return x
    if x.ndim != 4 or x.shape[2] % spec.pool or x.shape[3] % spec.pool:
        found = "x".join(map(str, x.shape[2:])) or "no image"
        raise InputError(
            f"data.pool must divide the side of the images, but `{spec.name}` has {found} and "
            f"pool is {spec.pool}; use a divisor, or 1 for no pooling"
        )
    n, channels, height, width = x.shape
    blocks = x.reshape(n, channels, height // spec.pool, spec.pool, width // spec.pool, spec.pool)
    pooled: Floats = blocks.mean(axis=(3, 5), dtype=np.float32)
    return pooled


def _standardization(x: Floats) -> tuple[Floats, Floats]:
    """Return the mean and the factor that standardize inputs; 0 where an input is constant."""
    axes = (0, 2, 3) if x.ndim == 4 else (0,)
    mean = x.mean(axis=axes, keepdims=True, dtype=np.float64)
    # In chunks: the float64 deviations of a whole data set would not fit a small machine.
    chunks = (x[i : i + CHUNK] for i in range(0, len(x), CHUNK))
    total = sum(np.square(chunk - mean).sum(axis=axes, keepdims=True) for chunk in chunks)
    std = np.sqrt(total * (mean.size / x.size))
    constant = x.max(axis=0) - x.min(axis=0) < STD_FLOOR
    scale = np.where(constant | (std < STD_FLOOR), 0, 1 / np.maximum(std, STD_FLOOR))
    return mean.astype(np.float32), scale.astype(np.float32)
