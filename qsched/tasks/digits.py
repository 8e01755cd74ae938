"""Handwritten digits of scikit-learn: 1,797 grey 8x8 images; no file is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsched.errors import DataError
from qsched.specs import DataSpec
from qsched.tasks.data import SPLIT_SEED, Dataset, Split, prepare, stratified_order

__all__ = ["load"]

TEST = 437


def load(spec: DataSpec, folder: Path | None) -> Dataset:
    """Load the digits as images [N, 1, 8, 8].

    The set has no published split: a fixed stratified 437 are the test split; with
    ``validation: 400``, 960 are left for training.

    Args:
        spec: sizes and pooling.
        folder: not used.

    Raises:
        DataError: scikit-learn is not installed.
        InputError: the sizes asked for do not fit.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI (1998), test
    set.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise DataError(
            "the data set `digits` comes with scikit-learn, which is not installed; "
            "run `pip install scikit-learn`"
        ) from error
    pixels, labels = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    examples = Split(x, labels.astype(np.int64))
    order = stratified_order(examples.y, SPLIT_SEED)
    return prepare(spec, examples.take(order[TEST:]), examples.take(order[:TEST]), classes=10)
