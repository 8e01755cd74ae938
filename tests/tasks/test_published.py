"""Tables read from scikit-learn's folder, against scikit-learn's own loaders."""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest
from sklearn import datasets

from qsched.errors import DataError
from qsched.tasks import published
from qsched.tasks.published import read_table


@pytest.mark.parametrize(
    ("name", "header", "load"),
    [
        ("digits.csv.gz", 0, datasets.load_digits),
        ("breast_cancer.csv", 1, datasets.load_breast_cancer),
        ("wine_data.csv", 1, datasets.load_wine),
    ],
)
def test_features_and_classes_are_those_of_scikit_learn(name, header, load) -> None:  # type: ignore[no-untyped-def]
    table, (features, classes) = read_table("x", name, header=header), load(return_X_y=True)
    assert table.dtype == np.float64
    assert np.array_equal(table[:, :-1], features)
    assert np.array_equal(table[:, -1], classes)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "find_spec", lambda name: None)
    with pytest.raises(DataError, match="`wine` comes with .*; run `pip install scikit-learn`"):
        read_table("wine", "wine_data.csv")


def test_without_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = ModuleSpec("sklearn", None, origin=str(tmp_path / "sklearn" / "__init__.py"))
    monkeypatch.setattr(published, "find_spec", lambda name: spec)
    with pytest.raises(DataError, match="`datasets/data/wine_data.csv`, which the one in"):
        read_table("wine", "wine_data.csv")
