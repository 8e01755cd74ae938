"""Tables of scikit-learn: sizes, classes and examples as published."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import datasets

from qsched.specs import DataSpec
from qsched.tasks import Dataset, load_data

SETS = {
    "breast-cancer": (datasets.load_breast_cancer, 140, 169),
    "wine": (datasets.load_wine, 40, 53),
}


@pytest.fixture(params=SETS)
def case(request: pytest.FixtureRequest) -> tuple[str, Dataset]:
    return request.param, load_data(
        DataSpec(name=request.param, validation=SETS[request.param][1])
    )


def test_sizes_and_classes_are_those_published(case: tuple[str, Dataset]) -> None:
    name, data = case
    loader, validation, test = SETS[name]
    features, labels = loader(return_X_y=True)
    assert data.shape == features.shape[1:]
    assert data.classes == len(np.unique(labels))
    assert (len(data.validation), len(data.test)) == (validation, test)
    whole = np.concatenate([data.train.y, data.validation.y, data.test.y])
    assert np.bincount(whole).tolist() == np.bincount(labels).tolist()


def test_the_splits_hold_every_example_once(case: tuple[str, Dataset]) -> None:
    name, data = case
    features, _ = SETS[name][0](return_X_y=True)
    found = np.concatenate([data.train.x, data.validation.x, data.test.x])
    # Standardization is linear and increasing: it is undone with mean and spread of the original.
    for a, b in zip(found.T, features.T, strict=True):
        undone = (np.sort(a) - a.mean()) / a.std()
        np.testing.assert_allclose(undone, (np.sort(b) - b.mean()) / b.std(), atol=1e-3)
