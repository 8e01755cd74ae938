"""A data set made of noise around one pattern a class: for tests and first steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsched.errors import InputError
from qsched.specs import DataSpec
from qsched.tasks.data import SPLIT_SEED, Dataset, Raw, prepare

__all__ = ["load"]

CLASSES = 4
SIDE = 8
TEST = 256
DEFAULT_TRAIN = 512
NOISE = 0.25
MOST = 1_000_000


def load(spec: DataSpec, folder: Path | None) -> Dataset:
    """Make images [N, 1, 8, 8] of four classes: x = clip(pattern_y + 0.25 z, 0, 1), z normal.

    Always the same images: 256 for testing, and as many others as ``spec`` asks for (512 for
    training if it does not say).

    Args:
        spec: sizes and pooling.
        folder: not used.

    Raises:
        InputError: the pooling does not divide 8, or more than 1,000,000 images are asked for.
    """
    sized = spec if spec.train is not None else spec.model_copy(update={"train": DEFAULT_TRAIN})
    size = spec.validation + (sized.train or 0)
    if size > MOST:
        raise InputError(
            f"the data set `{spec.name}` makes up to {MOST:,} training and validation examples, "
            f"but {size:,} are asked for; lower data.train or data.validation"
        )
    random = np.random.RandomState(SPLIT_SEED)
    patterns = random.random_sample((CLASSES, 1, SIDE, SIDE))
    test = _draw(random, patterns, TEST)
    return prepare(sized, _draw(random, patterns, size), test, classes=CLASSES)


def _draw(random: np.random.RandomState, patterns: np.ndarray, size: int) -> Raw:
    y = np.arange(size) % len(patterns)
    noise = NOISE * random.standard_normal((size, *patterns.shape[1:]))
    x = np.clip(patterns[y] + noise, 0, 1)
    return Raw(x, y.astype(np.int64))
