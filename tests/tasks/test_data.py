"""Splits, pooling and standardization, against plain loops."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from qsched.errors import InputError
from qsched.specs import DataSpec
from qsched.tasks import Raw, prepare
from qsched.tasks.data import stratified_order


def _raw(size: int, shape: tuple[int, ...] = (2, 6, 4), seed: int = 0) -> Raw:
    random = np.random.default_rng(seed)
    y = random.permutation(np.arange(size) % 5).astype(np.int64)
    return Raw(random.integers(0, 200, (size, *shape)), y)


def _spec(**changes: object) -> DataSpec:
    return DataSpec(**{"name": "made", "validation": 30, **changes})


@pytest.mark.parametrize("counts", [(50, 50, 50), (70, 20, 10), (97, 1)])
def test_every_prefix_of_the_order_is_stratified(counts: tuple[int, ...]) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    order = stratified_order(y, seed=3)
    assert sorted(order) == list(range(len(y)))
    for k in range(1, len(y) + 1):
        found = np.bincount(y[order[:k]], minlength=len(counts))
        # Rounding and jitter move one example a class, as do the other classes together.
        assert np.all(np.abs(found - k * np.array(counts) / len(y)) < len(counts))


def test_order_depends_on_the_seed_alone() -> None:
    y = np.arange(40) % 4
    assert np.array_equal(stratified_order(y, 1), stratified_order(y, 1))
    assert not np.array_equal(stratified_order(y, 1), stratified_order(y, 2))


def test_the_order_never_changes() -> None:
    # Published results name this split: a new NumPy or a rewrite must not move it.
    order = stratified_order(np.arange(1000) % 10, seed=2022)
    assert order[:8].tolist() == [349, 530, 625, 808, 503, 694, 722, 451]
    assert zlib.crc32(order.astype("<i8").tobytes()) == 3_200_588_140


def test_splits_are_disjoint_and_nested() -> None:
    raw, test = _raw(100), _raw(20, seed=1)

    def members(**sizes: int) -> tuple[list[int], list[int]]:
        data = prepare(_spec(**sizes), raw, test, classes=5)
        return _trace(data.train.x, raw), _trace(data.validation.x, raw)

    small, validation = members(train=20)
    large, same_validation = members(train=50)
    all_others, _ = members()
    assert validation == same_validation
    assert large[:20] == small
    assert sorted(all_others + validation) == list(range(100))


def _trace(x: np.ndarray, raw: Raw) -> list[int]:
    """Return which raw example each standardized one is: it correlates with it perfectly."""
    flat = x.reshape(len(x), 2, -1)[:, 1]
    plain = raw.x.reshape(len(raw.y), 2, -1)[:, 1]
    correlation = np.corrcoef(flat, plain)[: len(flat), len(flat) :]
    assert correlation.max(axis=1) == pytest.approx(1)
    return correlation.argmax(axis=1).tolist()


def test_images_are_standardized_by_channel_of_the_training_split() -> None:
    raw, test = _raw(100), _raw(20, seed=1)
    data = prepare(_spec(), raw, test, classes=5, unit=200)
    assert data.train.x.dtype == np.float32
    assert data.train.x.mean(axis=(0, 2, 3)) == pytest.approx([0, 0], abs=1e-6)
    assert data.train.x.std(axis=(0, 2, 3)) == pytest.approx([1, 1], rel=1e-5)
    order = stratified_order(raw.y, 2022)
    for channel in range(2):
        values = raw.x[order[30:], channel]
        expected = (test.x[:, channel] - values.mean()) / values.std()
        assert data.test.x[:, channel] == pytest.approx(expected, abs=1e-5)


def test_features_are_standardized_each_by_itself() -> None:
    raw, test = _raw(60, (3,)), _raw(10, (3,), seed=1)
    data = prepare(_spec(), raw, test, classes=5, unit=200)
    assert data.shape == (3,)
    assert data.train.x.std(axis=0) == pytest.approx([1, 1, 1], rel=1e-5)


@pytest.mark.parametrize("shape", [(2, 6, 4), (7,)])
def test_inputs_constant_in_training_become_exactly_zero_everywhere(
    shape: tuple[int, ...],
) -> None:
    raw, test = _raw(100, shape), _raw(20, shape, seed=1)
    raw.x[..., -1] = 77  # test examples differ there
    data = prepare(_spec(), raw, test, classes=5, unit=200)
    for split in (data.train, data.validation, data.test):
        assert np.all(split.x[..., -1] == 0)
        assert np.all(np.isfinite(split.x))
        assert np.any(split.x[..., 1] != 0)


def test_test_examples_change_no_statistic() -> None:
    raw = _raw(100)
    one = prepare(_spec(), raw, _raw(20, seed=1), classes=5)
    other = prepare(_spec(), raw, Raw(_raw(20, seed=1).x * 50, _raw(20, seed=1).y), classes=5)
    assert np.array_equal(one.train.x, other.train.x)


def test_raw_examples_are_left_alone() -> None:
    raw = Raw(_raw(100).x.astype(np.float32), _raw(100).y)
    before = raw.x.copy()
    prepare(_spec(pool=2), raw, raw, classes=5)
    assert np.array_equal(raw.x, before)


def test_mean_pooling_against_a_plain_loop() -> None:
    raw, test = _raw(100), _raw(20, seed=1)
    pooled = np.empty((20, 2, 3, 2))
    for i in range(3):
        for j in range(2):
            block = test.x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            pooled[:, :, i, j] = block.mean(axis=(2, 3))
    data = prepare(_spec(pool=2), raw, test, classes=5)
    assert data.shape == (2, 3, 2)
    for channel in range(2):
        line = np.polyfit(pooled[:, channel].ravel(), data.test.x[:, channel].ravel(), 1)
        assert np.polyval(line, pooled[:, channel]) == pytest.approx(
            data.test.x[:, channel], abs=1e-5
        )


@pytest.mark.parametrize(
    ("changes", "shape", "message"),
    [
        ({"train": 71}, (2, 6, 4), "out of 100, but 71 and 30"),
        ({"validation": 100}, (2, 6, 4), "out of 100, but all others and 100"),
        ({"pool": 4}, (2, 6, 4), "`made` has 6x4 and pool is 4"),
        ({"pool": 2}, (6,), "has no image and pool is 2"),
        ({"augment": True}, (6,), "set data.augment to false"),
    ],
)
def test_impossible_sizes(
    changes: dict[str, object], shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepare(_spec(**changes), _raw(100, shape), _raw(20, shape), classes=5)
