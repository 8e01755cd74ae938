"""Handwritten digits of scikit-learn: 1,797 grey 8x8 images; no file is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsched.specs import DataSpec
from qsched.tasks.data import SPLIT_SEED, Dataset, Raw, prepare, stratified_order
from qsched.tasks.published import read_table

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
        DataError: scikit-learn is not installed, or lacks the file.
        InputError: the sizes asked for do not fit.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI (1998), test
    set.
    """
    table = read_table(spec.name, "digits.csv.gz")
    x, y = table[:, :-1].reshape(-1, 1, 8, 8), table[:, -1].astype(np.int64)
    order = stratified_order(y, SPLIT_SEED)
    test, rest = order[:TEST], order[TEST:]
    return prepare(spec, Raw(x[rest], y[rest]), Raw(x[test], y[test]), classes=10, unit=16)
