"""What every data set must do."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qsched.errors import InputError
from qsched.registry import DATASETS
from qsched.specs import DataSpec
from qsched.tasks import Dataset, Split, load_data
from qsched.tasks.load import FOLDER_VARIABLE

__all__ = ["DatasetTestCase"]


class DatasetTestCase(ABC):
    """A data set: three disjoint splits, the same every time, standardized by the training split.

    Override ``spec`` with a fixture. The data set is found by its name: in the tables, among the
    entry points, or as :meth:`qsched.registry.Registry.add` or a plugin file put it there. Files
    are looked for where QSCHED_DATA says.

    Attributes:
        twins: largest share of validation or test examples that equal an example of a split
            before: published data may hold a few twice.
        nested: whether a smaller training split is the beginning of a larger one, and validation
            the same for both: so it must be, unless the examples are made on demand.
    """

    twins = 0.01
    nested = True

    @abstractmethod
    def spec(self) -> DataSpec:
        """Return the name, and the sizes to test; small ones are faster."""

    def test_sizes_are_those_asked_for(self, spec: DataSpec) -> None:
        data = load_data(spec)
        assert len(data.validation) == spec.validation
        assert spec.train is None or len(data.train) == spec.train
        assert data.augment == spec.augment

    def test_examples_are_arrays_of_one_shape(self, spec: DataSpec) -> None:
        data = load_data(spec)
        assert len(data.shape) in (1, 3)  # features or images
        assert data.classes >= 2
        for split in _splits(data):
            assert split.x.dtype == np.float32
            assert split.y.dtype == np.int64
            assert split.x.shape == (len(split), *data.shape)
            assert np.isfinite(split.x).all()
            assert set(split.y.tolist()) <= set(range(data.classes))

    def test_it_is_the_same_every_time(self, spec: DataSpec) -> None:
        for one, other in zip(_splits(_loaded(spec)), _splits(_loaded(spec)), strict=True):
            assert np.array_equal(one.x, other.x)
            assert np.array_equal(one.y, other.y)

    def test_no_example_is_in_two_splits(self, spec: DataSpec) -> None:
        seen: set[bytes] = set()
        for split in _splits(load_data(spec)):
            examples = [x.tobytes() for x in split.x]
            assert sum(x in seen for x in examples) <= self.twins * len(examples)
            seen |= set(examples)

    def test_every_class_has_its_share(self, spec: DataSpec) -> None:
        data = load_data(spec)
        train, validation = (
            np.bincount(split.y, minlength=data.classes) / len(split)
            for split in (data.train, data.validation)
        )
        assert np.all(train > 0)
        # A class is off by one example a class, at most, at either end of a split.
        slack = data.classes * (2 / len(data.train) + 1 / len(data.validation))
        assert np.all(np.abs(train - validation) <= slack)

    def test_inputs_are_standardized_by_the_training_split(self, spec: DataSpec) -> None:
        data = load_data(spec)
        constant = np.ptp(data.train.x, axis=0) == 0
        for split in _splits(data):
            assert np.all(split.x[:, constant] == 0)
        if len(data.shape) == 1:
            mean, std = data.train.x.mean(axis=0), data.train.x.std(axis=0)
            np.testing.assert_allclose(mean, 0, atol=1e-3)
            np.testing.assert_allclose(std[~constant], 1, atol=1e-2)
        else:  # by channel, of which constant pixels were a part
            assert np.all(np.abs(data.train.x.mean(axis=(0, 2, 3))) < 0.5)
            assert np.all(np.abs(np.log2(data.train.x.std(axis=(0, 2, 3)))) < 1)

    def test_fewer_training_examples_are_the_first_ones(self, spec: DataSpec) -> None:
        whole = load_data(spec)
        half = _loaded(spec, train=(len(whole.train) + 1) // 2)
        _assert_first(half.test, whole.test)
        if self.nested:
            _assert_first(half.train, whole.train)
            _assert_first(half.validation, whole.validation)

    def test_the_test_split_is_that_of_any_validation_size(self, spec: DataSpec) -> None:
        whole = load_data(spec)
        other = _loaded(spec, validation=(spec.validation + 1) // 2)
        assert len(other.test) == len(whole.test)
        _assert_first(other.test, whole.test)

    def test_images_alone_are_pooled(self, spec: DataSpec) -> None:
        shape = load_data(spec).shape
        if len(shape) == 3 and not any(side % 2 for side in shape[1:]):
            pooled = _loaded(spec, pool=2 * spec.pool)
            assert pooled.shape == (shape[0], shape[1] // 2, shape[2] // 2)
        else:
            with pytest.raises(InputError):
                _loaded(spec, pool=2 * spec.pool)

    def test_images_alone_are_augmented(self, spec: DataSpec) -> None:
        if len(load_data(spec).shape) == 3:
            assert _loaded(spec, augment=True).augment
        else:
            with pytest.raises(InputError):
                _loaded(spec, augment=True)


def _splits(data: Dataset) -> tuple[Split, Split, Split]:
    return data.train, data.validation, data.test


def _loaded(spec: DataSpec, **changes: object) -> Dataset:
    """Load a data set anew, past the memory of :func:`load_data`."""
    named = os.environ.get(FOLDER_VARIABLE)
    changed = DataSpec.model_validate({**spec.model_dump(), **changes})
    loader = DATASETS.load(spec.name)
    data: Dataset = loader(changed, Path(named).expanduser() if named else None)
    return data


def _assert_first(few: Split, many: Split) -> None:
    """Check that ``few`` are the first of ``many``, each standardized in its own way."""
    np.testing.assert_array_equal(few.y, many.y[: len(few)])
    (a, varies), (b, varied) = _form(few.x), _form(many.x[: len(few)])
    both = varies & varied
    assert both.any()
    np.testing.assert_allclose(a[:, both], b[:, both], rtol=0, atol=1e-2)


def _form(x: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return inputs freed of their mean and scale, and which of them vary."""
    flat: NDArray[Any] = x.reshape(len(x), -1).astype(np.float64)
    flat -= flat.mean(axis=0)
    spread = flat.std(axis=0)
    varies = spread > 1e-3
    return flat / np.where(varies, spread, 1), varies
