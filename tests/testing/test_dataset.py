"""The suite of data sets finds what is wrong with a loader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qsched.errors import QschedError
from qsched.registry import DATASETS, Registry
from qsched.specs import DataSpec
from qsched.tasks import Dataset, Split
from qsched.testing.dataset import DatasetTestCase

Load = Callable[[DataSpec, Path | None], Dataset]
Test = Callable[["Suite", DataSpec], None]
SPEC = DataSpec(name="digits", train=70, validation=50)
FAULTS: dict[str, tuple[Load, Test]] = {}


class Suite(DatasetTestCase):
    spec = None


def digits(spec: DataSpec, **changes: object) -> Dataset:
    changed = {**spec.model_dump(), "name": "digits", **changes}
    return DATASETS.load("digits")(DataSpec.model_validate(changed), None)


def wine(spec: DataSpec, **changes: object) -> Dataset:
    changed = {**spec.model_dump(), "name": "wine", **changes}
    return DATASETS.load("wine")(DataSpec.model_validate(changed), None)


def found_by(test: Test) -> Callable[[Load], Load]:
    def keep(load: Load) -> Load:
        FAULTS[load.__name__] = load, test
        return load

    return keep


@found_by(Suite.test_sizes_are_those_asked_for)
def other_sizes(spec: DataSpec, folder: Path | None) -> Dataset:
    return digits(spec, validation=spec.validation + 1)


@found_by(Suite.test_examples_are_arrays_of_one_shape)
def other_classes(spec: DataSpec, folder: Path | None) -> Dataset:
    return replace(digits(spec), classes=9)


@found_by(Suite.test_it_is_the_same_every_time)
def other_order_each_time(spec: DataSpec, folder: Path | None) -> Dataset:
    data = digits(spec)
    order = np.random.default_rng().permutation(len(data.train))
    return replace(data, train=Split(data.train.x[order], data.train.y[order]))


@found_by(Suite.test_no_example_is_in_two_splits)
def leaks_examples_of_the_test_split(spec: DataSpec, folder: Path | None) -> Dataset:
    data = digits(spec)
    x, y = data.train.x.copy(), data.train.y.copy()
    x[:20], y[:20] = data.test.x[:20], data.test.y[:20]
    return replace(data, train=Split(x, y))


@found_by(Suite.test_every_class_has_its_share)
def sorted_by_class(spec: DataSpec, folder: Path | None) -> Dataset:
    data = digits(spec)
    x = np.concatenate([data.validation.x, data.train.x])
    y = np.concatenate([data.validation.y, data.train.y])
    order, cut = np.argsort(y, kind="stable"), spec.validation
    train, validation = (Split(x[i], y[i]) for i in (order[cut:], order[:cut]))
    return replace(data, train=train, validation=validation)


@found_by(Suite.test_inputs_are_standardized_by_the_training_split)
def grey_levels(spec: DataSpec, folder: Path | None) -> Dataset:
    data = digits(spec)
    return replace(data, train=Split(data.train.x * 6 + 5, data.train.y))


@found_by(Suite.test_inputs_are_standardized_by_the_training_split)
def features_in_units_of_their_own(spec: DataSpec, folder: Path | None) -> Dataset:
    data = wine(spec)
    return replace(data, train=Split(data.train.x * np.float32(1.1), data.train.y))


@found_by(Suite.test_fewer_training_examples_are_the_first_ones)
def validation_follows_training(spec: DataSpec, folder: Path | None) -> Dataset:
    data = digits(spec)
    return replace(data, validation=Split(data.train.x[-50:], data.train.y[-50:]))


@found_by(Suite.test_the_test_split_is_that_of_any_validation_size)
def other_examples_for_testing(spec: DataSpec, folder: Path | None) -> Dataset:
    data = digits(spec)
    last = slice(-spec.validation, None)
    return replace(data, test=Split(data.test.x[last], data.test.y[last]))


@found_by(Suite.test_images_alone_are_pooled)
def never_pooled(spec: DataSpec, folder: Path | None) -> Dataset:
    return digits(spec, pool=1)


@found_by(Suite.test_images_alone_are_pooled)
def features_pooled(spec: DataSpec, folder: Path | None) -> Dataset:
    return wine(spec, pool=1)


@found_by(Suite.test_images_alone_are_augmented)
def never_augmented(spec: DataSpec, folder: Path | None) -> Dataset:
    return digits(spec, augment=False)


@pytest.mark.parametrize("name", FAULTS)
def test_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load, test = FAULTS[name]
    test(Suite(), SPEC)
    table = Registry("data set", {}, "qsched.tests")
    table.add(name, load)
    monkeypatch.setattr("qsched.tasks.load.DATASETS", table)
    monkeypatch.setattr("qsched.testing.dataset.DATASETS", table)
    with pytest.raises((AssertionError, pytest.fail.Exception, QschedError)):
        test(Suite(), SPEC.model_copy(update={"name": name}))
