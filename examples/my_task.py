"""A data set and a network of one's own, in a plugin file.

    qsched run examples/my-study.yaml --plugin examples/my_task.py

The study file beside this one names both: ``data: {name: tumors, ...}`` and
``network: {name: funnel, ...}``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer

from qsched.lanes.layers import Activation, BatchNorm, Flatten, Layer, Linear
from qsched.registry import DATASETS, NETWORKS
from qsched.specs import DataSpec
from qsched.tasks import Dataset, Raw, prepare


def tumors(spec: DataSpec, folder: Path | None) -> Dataset:
    """Load 569 tumors, 30 features, 2 classes; every fifth is for testing.

    ``folder`` is where the user's data files lie; this data set needs none.
    """
    x, y = load_breast_cancer(return_X_y=True)
    y = y.astype(np.int64)
    test = np.arange(len(y)) % 5 == 0
    # Features differ by magnitudes; `prepare` standardizes each by the training split.
    return prepare(spec, Raw(x[~test], y[~test]), Raw(x[test], y[test]), classes=2)


def funnel(width: int | None, classes: int) -> tuple[Layer, ...]:
    """Build six hidden layers, the first three twice as wide as the others."""
    w = width or 16
    hidden = [(Linear(n), BatchNorm(), Activation()) for n in (2 * w,) * 3 + (w,) * 3]
    classifier = Linear(classes, quantized=False, bias=True)
    return (Flatten(), *(layer for block in hidden for layer in block), classifier)


DATASETS.add("tumors", tumors)
NETWORKS.add("funnel", funnel)
