"""Data sets and networks by name, and the contract that every loader is held to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qsched.errors import DataError, InputError, UnknownNameError
from qsched.lanes.layers import Linear
from qsched.registry import Registry
from qsched.specs import DataSpec, NetworkSpec, Precision, TaskSpec
from qsched.tasks import Dataset, Split, build_network, idx, load_data
from tests.tasks.published import TINY, write_cifar, write_tiny

SYNTHETIC = DataSpec(name="synthetic", train=40, validation=20)


def _task(network: str, width: int | None = None, **precision: bool) -> TaskSpec:
    return TaskSpec(
        data=SYNTHETIC,
        network=NetworkSpec(name=network, width=width),
        precision=Precision(**precision),
        epochs=1,
        batch_size=8,
    )


@pytest.fixture
def datasets(monkeypatch: pytest.MonkeyPatch) -> Registry:
    table = Registry("data set", {}, "qsched.tests")
    monkeypatch.setattr("qsched.tasks.load.DATASETS", table)
    return table


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> Registry:
    table = Registry("network", {}, "qsched.tests")
    monkeypatch.setattr("qsched.tasks.load.NETWORKS", table)
    return table


def test_synthetic_is_always_the_same_and_can_be_learned() -> None:
    data = load_data(SYNTHETIC)
    assert (data.shape, data.classes) == ((1, 8, 8), 4)
    assert [len(s) for s in (data.train, data.validation, data.test)] == [40, 20, 256]
    other = load_data(DataSpec(name="synthetic", train=40, validation=21))
    assert np.array_equal(data.test.y, other.test.y)
    # The nearest class mean is right nearly always.
    means = np.stack([data.train.x[data.train.y == c].mean(axis=0) for c in range(4)])
    distance = ((data.test.x[:, None] - means) ** 2).sum(axis=(2, 3, 4))
    assert (distance.argmin(axis=1) == data.test.y).mean() > 0.95


def test_synthetic_has_a_size_of_its_own() -> None:
    assert len(load_data(DataSpec(name="synthetic", validation=20)).train) == 512


def test_data_are_loaded_once() -> None:
    assert load_data(SYNTHETIC) is load_data(DataSpec(**SYNTHETIC.model_dump()))


def test_folder_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar(tmp_path / "cifar10", 20)
    spec = DataSpec(name="cifar10", validation=20)
    monkeypatch.setenv("QSCHED_DATA", str(tmp_path))
    with pytest.raises(DataError, match=str(tmp_path / "cifar10")):
        load_data(spec)  # found there, and refused for its size
    monkeypatch.delenv("QSCHED_DATA")
    with pytest.raises(DataError, match="no folder is named"):
        load_data(spec)


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `digits`"):
        load_data(DataSpec(name="digit", validation=1))
    with pytest.raises(UnknownNameError, match="did you mean `mlp9`"):
        build_network(_task("mlp99"), 4)


def _broken(**changes: object) -> Dataset:
    good = Split(np.zeros((3, 2), np.float32), np.array([0, 1, 1]))
    parts = {"train": good, "validation": good, "test": good, "classes": 2, "shape": (2,)}
    return Dataset(**{**parts, **changes})


_X = np.zeros((3, 2), np.float32)
_Y = np.array([0, 1, 1])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "must return a qsched.tasks.Dataset, but it returned NoneType"),
        (_broken(train=Split(_X.astype(float), _Y)), "train split .* float64"),
        (_broken(test=Split(_X, _Y.astype(np.int32))), "test split .* int32"),
        (_broken(test=Split(_X[:2], _Y)), r"test split .* but has \(2, 2\) and \(3,\)"),
        (_broken(validation=Split(_X[:0], _Y[:0])), "validation split .* with N >= 1"),
        (_broken(shape=(1, 8, 8)), r"shape \(N, 1, 8, 8\)"),
        (_broken(classes=1), "classes 0 to 0, but has 0 to 1"),
        (_broken(train=Split(_X / np.float32(0.5) + np.float32("inf"), _Y)), "finite inputs"),
    ],
)
def test_a_loader_is_held_to_its_contract(data: object, message: str, datasets: Registry) -> None:
    datasets.add("mine", lambda spec, folder: data)
    with pytest.raises(DataError, match=message):
        load_data(DataSpec(name="mine", validation=1))


@pytest.mark.parametrize("made", [[Linear(2)], (Linear, 3), None])
def test_a_network_is_a_tuple_of_layers(made: object, networks: Registry) -> None:
    networks.add("mine", lambda width, classes: made)
    with pytest.raises(InputError, match="must be a tuple of the layers"):
        build_network(_task("mine"), 4)


def test_what_functions_of_others_raise_is_one_line(
    datasets: Registry, networks: Registry
) -> None:
    def load(spec: DataSpec, folder: Path | None) -> Dataset:
        return {}[spec.name]  # This line is named.

    def build(width: int | None, classes: int) -> tuple[Linear, ...]:
        return tuple(np.zeros(3).reshape(2))

    datasets.add("mine", load)
    networks.add("mine", build)
    line = load.__code__.co_firstlineno + 1
    with pytest.raises(InputError, match="the loader of the data set `mine`") as caught:
        load_data(DataSpec(name="mine", validation=1))
    assert f"line {line} of {__file__} raises KeyError: 'mine'; mend it there" in str(caught.value)
    with pytest.raises(InputError, match=f"function of the network `mine` .* {__file__}"):
        build_network(_task("mine"), 4)


def test_data_beyond_all_memory(datasets: Registry) -> None:
    datasets.add("large", lambda spec, folder: np.zeros(spec.validation))
    with pytest.raises(InputError, match="`large` needs more memory than there is"):
        load_data(DataSpec(name="large", validation=2**58))


def test_synthetic_has_a_bound() -> None:
    with pytest.raises(InputError, match="up to 1,000,000 .* but 256,000,000,020 are asked for"):
        load_data(DataSpec(name="synthetic", train=256 * 10**9, validation=20))


def test_first_and_last_layer_follow_the_precision() -> None:
    def flags(**precision: bool) -> list[bool]:
        layers = build_network(_task("mlp3", 8, **precision), 4)
        return [layer.quantized for layer in layers if isinstance(layer, Linear)]

    assert flags() == [True, True, True, False]
    assert flags(first=False) == [False, True, True, False]
    assert flags(last=True) == [True, True, True, True]


def test_files_go_the_whole_way(tmp_path: Path, datasets: Registry) -> None:
    write_tiny(tmp_path / "tiny")
    datasets.add("tiny", lambda spec, folder: idx.load(TINY, spec, folder))
    data = load_data(DataSpec(name="tiny", validation=10, pool=7), tmp_path)
    assert data.shape == (1, 4, 4)
