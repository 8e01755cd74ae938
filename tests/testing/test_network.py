"""The suite of networks finds what is wrong with a function that builds one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from qsched.errors import InputError
from qsched.lanes.layers import Activation, BatchNorm, Layer, Linear
from qsched.registry import Registry
from qsched.specs import NetworkSpec
from qsched.testing import network
from qsched.testing.network import NetworkTestCase

COUNT = count(3)
Build = Callable[[int | None, int], tuple[Layer, ...]]


class Suite(NetworkTestCase):
    network = shape = None


def good(width: int | None, classes: int) -> tuple[Layer, ...]:
    return Linear(width or 4), BatchNorm(), Activation(), Linear(classes, quantized=False)


def grows(width: int | None, classes: int) -> tuple[Layer, ...]:
    return good(next(COUNT), classes)


def rigid(width: int | None, classes: int) -> tuple[Layer, ...]:
    return good(4, classes)


def ten_logits(width: int | None, classes: int) -> tuple[Layer, ...]:
    return good(width, 10)


def no_activation(width: int | None, classes: int) -> tuple[Layer, ...]:
    return Linear(width or 4), BatchNorm(), Linear(classes)


@pytest.mark.parametrize(
    ("test", "build"),
    [
        (lambda s, n: s.test_it_is_the_same_every_time(n), grows),
        (lambda s, n: s.test_more_width_is_more_parameters(n, (6,)), rigid),
        (lambda s, n: s.test_it_computes_one_logit_a_class(n, (6,), 2), ten_logits),
        (lambda s, n: s.test_a_schedule_has_something_to_quantize(n, (6,)), no_activation),
        (lambda s, n: s.test_it_computes_one_logit_a_class(n, (1, 4, 4), 2), good),
    ],
)
def test_finds(
    test: Callable[[Suite, NetworkSpec], None], build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Registry("network", {}, "qsched.tests")
    table.add("mine", build)
    monkeypatch.setattr("qsched.tasks.load.NETWORKS", table)
    with pytest.raises((AssertionError, InputError)):
        test(Suite(), NetworkSpec(name="mine"))


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_finds_a_number_of_parameters_that_is_not_torch_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qsched.testing.network.parameters", lambda layers, shape: 321)
    with pytest.raises(AssertionError):
        Suite().test_shapes_and_parameters_are_those_of_torch(NetworkSpec(name="mlp3"), (6,))


def test_finds_that_training_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverging(*arguments: object, **options: object) -> list[object]:
        results = network_train(*arguments, **options)
        return [result.model_copy(update={"status": "failed"}) for result in results]

    network_train = network.train
    monkeypatch.setattr(network, "train", diverging)
    with pytest.raises(AssertionError):
        Suite().test_it_trains(NetworkSpec(name="mlp3"), (6,), monkeypatch)
