"""The digits against scikit-learn's own."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits

from qsched.specs import DataSpec
from qsched.tasks import load_data
from qsched.tasks.digits import load

SPEC = DataSpec(name="digits", validation=400)


def test_sizes_and_balance() -> None:
    data = load_data(SPEC)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [960, 400, 437]
    assert (data.shape, data.classes) == ((1, 8, 8), 10)
    for split in (data.train, data.validation, data.test):
        share = np.bincount(split.y, minlength=10) / len(split)
        assert share == pytest.approx(np.bincount(load_digits().target) / 1797, abs=0.005)


def test_the_splits_together_are_the_published_images() -> None:
    data = load_data(SPEC)
    pixels, labels = load_digits(return_X_y=True)
    x = np.concatenate([s.x.reshape(len(s), 64) for s in (data.train, data.validation, data.test)])
    y = np.concatenate([s.y for s in (data.train, data.validation, data.test)])
    # One mean and one scale for the whole image turn standardized values back into grey levels.
    levels = np.unique(x[:, 20])
    assert len(levels) == 17
    grey = np.rint((x - levels[0]) / (levels[1] - levels[0])).astype(int)
    kept = (x != 0).any(axis=0)  # constant pixels became 0
    assert kept.sum() == 60
    found = Counter(zip(map(bytes, grey[:, kept].astype(np.uint8)), y.tolist(), strict=True))
    expected = Counter(
        zip(map(bytes, pixels[:, kept].astype(np.uint8)), labels.tolist(), strict=True)
    )
    assert found == expected


def test_the_split_never_changes() -> None:
    data = load_data(SPEC)
    assert data.test.y[:12].tolist() == [8, 9, 0, 3, 7, 6, 5, 1, 2, 4, 6, 4]
    assert data.train.y[:12].tolist() == [0, 2, 8, 6, 3, 7, 5, 0, 1, 6, 3, 9]


def test_the_test_split_is_the_same_for_all_sizes() -> None:
    small = load(DataSpec(name="digits", train=100, validation=50), None)
    assert np.array_equal(small.test.y, load_data(SPEC).test.y)
