"""Tables of measurements that come with scikit-learn; no file is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qsched.specs import DataSpec
from qsched.tasks.data import SPLIT_SEED, Dataset, Raw, prepare, stratified_order
from qsched.tasks.published import read_table

__all__ = ["load_breast_cancer", "load_wine"]


def load_breast_cancer(spec: DataSpec, folder: Path | None) -> Dataset:
    """Load 569 cell nuclei as 30 features, of 2 classes.

    The set has no published split: a fixed stratified 169 are the test split.

    Args:
        spec: sizes.
        folder: not used.

    Raises:
        DataError: scikit-learn is not installed, or lacks the file.
        InputError: the sizes asked for do not fit.

    Source: W. Wolberg, O. Mangasarian, N. Street, W. Street, "Breast Cancer Wisconsin
    (Diagnostic)", UCI (1995).
    """
    return _load(spec, "breast_cancer.csv", test=169)


def load_wine(spec: DataSpec, folder: Path | None) -> Dataset:
    """Load 178 wines as 13 features, of 3 classes; a fixed stratified 53 are the test split.

    Args and errors are those of :func:`load_breast_cancer`.

    Source: S. Aeberhard, M. Forina, "Wine", UCI (1992).
    """
    return _load(spec, "wine_data.csv", test=53)


def _load(spec: DataSpec, name: str, test: int) -> Dataset:
    table = read_table(spec.name, name, header=1)
    features, y = table[:, :-1], table[:, -1].astype(np.int64)
    # Each feature has its own unit: those that vary by 1e-6 of their largest value count.
    x = features / np.abs(features).max(axis=0)
    order = stratified_order(y, SPLIT_SEED)
    tested, rest = order[:test], order[test:]
    return prepare(
        spec, Raw(x[rest], y[rest]), Raw(x[tested], y[tested]), classes=int(y.max()) + 1
    )
