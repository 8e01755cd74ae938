"""What every network must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool,
    Residual,
)
from qsched.lanes.plan import make_plan
from qsched.registry import Registry
from qsched.schedules.file import load_schedule
from qsched.specs import DataSpec, NetworkSpec, Run, TaskSpec
from qsched.tasks import Dataset, Raw, build_network, parameters, prepare
from qsched.training import train

__all__ = ["NetworkTestCase", "Shape", "modules"]

Layers = tuple[Layer, ...]
Shape = tuple[int, ...]
"""Of one example: (C, H, W) or (D,)."""


class NetworkTestCase(ABC):
    """A network of layers: logits of any number of classes, quantizers, a width that is obeyed.

    Override ``network`` and ``shape`` with fixtures. The network is found by its name: in the
    tables, among the entry points, or as :meth:`qsched.registry.Registry.add` or a plugin file
    put it there. A PyTorch model (``qsched.task``) is tested by its lane version; where it has
    none, ``qsched validate`` is what checks it.
    """

    @abstractmethod
    def network(self) -> NetworkSpec:
        """Return the name, and the width to test; a small one is faster."""

    @abstractmethod
    def shape(self) -> Shape:
        """Return the shape of the examples that it is to read."""

    def test_it_is_the_same_every_time(self, network: NetworkSpec) -> None:
        assert _built(network, 10) == _built(network, 10)

    @pytest.mark.parametrize("classes", [2, 10])
    def test_it_computes_one_logit_a_class(
        self, network: NetworkSpec, shape: Shape, classes: int
    ) -> None:
        nodes = make_plan(_built(network, classes), shape).nodes
        assert nodes[-1].outputs == (classes,)

    @pytest.mark.filterwarnings("ignore:Lazy modules")
    def test_shapes_and_parameters_are_those_of_torch(
        self, network: NetworkSpec, shape: Shape
    ) -> None:
        layers = _built(network, 10)
        module = modules(layers)
        assert module(torch.zeros(2, *shape)).shape == (2, 10)
        assert parameters(layers, shape) == sum(p.numel() for p in module.parameters())

    def test_a_schedule_has_something_to_quantize(
        self, network: NetworkSpec, shape: Shape
    ) -> None:
        places = make_plan(_built(network, 10), shape).places
        assert {place.role for place in places} == {"weights", "activations"}

    def test_more_width_is_more_parameters(self, network: NetworkSpec, shape: Shape) -> None:
        narrow, wide = (
            parameters(_built(network.model_copy(update={"width": width}), 10), shape)
            for width in (4, 8)
        )
        assert narrow < wide

    def test_it_trains(
        self, network: NetworkSpec, shape: Shape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        table = Registry("data set", {}, "qsched.testing")
        name = "patterns-" + "x".join(map(str, shape))
        table.add(name, partial(_patterns, shape))
        monkeypatch.setattr("qsched.tasks.load.DATASETS", table)
        task = _task(network, DataSpec(name=name, validation=6))
        schedule = load_schedule("ana-2019-overlapped").schedule
        results = train(
            [Run(task=task, schedule=schedule, seed=s) for s in (1, 2)], engine="torch"
        )
        assert [result.status for result in results] == ["finished"] * 2
        assert results[0].curve != results[1].curve


def modules(layers: Layers) -> nn.Sequential:
    """Return the same network of torch's lazy modules, which infer their own sizes."""
    return nn.Sequential(*(_module(layer) for layer in layers))


def _module(layer: Layer) -> nn.Module:
    match layer:
        case Linear():
            return nn.LazyLinear(layer.features, bias=layer.bias)
        case Conv(channels, kernel, stride, padding):
            return nn.LazyConv2d(channels, kernel, stride, padding, bias=layer.bias)
        case BatchNorm():
            return _LazyNorm()
        case MaxPool():
            return nn.MaxPool2d(layer.size)
        case GlobalAveragePool():
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case Flatten():
            return nn.Flatten()
        case Activation():
            return nn.Hardtanh()
        case Residual():
            return _Sum(modules(layer.body), modules(layer.shortcut))


class _Sum(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.body(x) + self.shortcut(x)
        return total


class _LazyNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "norm"):
            self.norm = (nn.BatchNorm2d if x.ndim == 4 else nn.BatchNorm1d)(x.shape[1])
        y: Tensor = self.norm(x)
        return y


def _task(network: NetworkSpec, data: DataSpec) -> TaskSpec:
    return TaskSpec(data=data, network=network, epochs=1, batch_size=9)


def _built(network: NetworkSpec, classes: int) -> Layers:
    return build_network(_task(network, DataSpec(name="unused", validation=1)), classes)


def _patterns(shape: Shape, spec: DataSpec, folder: Path | None) -> Dataset:
    """Make 18 + 6 + 6 examples of three classes: noise around one pattern a class."""
    random = np.random.default_rng(0)
    y = np.arange(30) % 3
    x = random.normal(size=(3, *shape))[y] + random.normal(size=(30, *shape))
    return prepare(spec, Raw(x[:24], y[:24]), Raw(x[24:], y[24:]), classes=3)
