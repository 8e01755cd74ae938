"""Every network of the project: the suite, and counts from the papers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qsched.errors import InputError
from qsched.lanes.layers import (
    Activation,
    Conv,
    Flatten,
    Layer,
    Linear,
    Residual,
)
from qsched.registry import NETWORKS
from qsched.specs import NetworkSpec, Precision
from qsched.tasks import parameters
from qsched.tasks.networks import with_precision
from qsched.testing.network import NetworkTestCase, Shape

Layers = tuple[Layer, ...]


NETWORKS_OF_THE_PROJECT = {
    "mlp3",
    "mlp6",
    "mlp9",
    "mlp14",
    "cnn5",
    "cnn9",
    "vgg8",
    "resnet20",
    "tnn3",
    "tnn96",
}


def _build(name: str, width: int | None = None, classes: int = 10) -> Layers:
    return NETWORKS.load(name)(width, classes)


CASES = [
    ("mlp3", 32, (1, 8, 8)),
    ("mlp6", None, (1, 8, 8)),
    ("mlp9", None, (13,)),
    ("mlp14", 8, (13,)),
    ("cnn5", None, (1, 7, 7)),
    ("cnn5", None, (3, 14, 14)),
    ("cnn9", 8, (1, 8, 8)),
    ("cnn9", 6, (3, 32, 32)),
    ("vgg8", 2, (3, 32, 32)),
    ("vgg8", 4, (1, 8, 8)),
    ("resnet20", 4, (3, 32, 32)),
    ("resnet20", 4, (1, 7, 7)),
    ("tnn3", 8, (1, 8, 8)),
    ("tnn96", 12, (3, 32, 32)),
    ("tnn96", 8, (1, 28, 28)),
    ("tnn96", 8, (1, 16, 16)),
]


class TestNetworks(NetworkTestCase):
    @pytest.fixture(params=CASES, ids=str)
    def case(self, request: pytest.FixtureRequest) -> tuple[str, int | None, Shape]:
        return request.param

    @pytest.fixture
    def network(self, case: tuple[str, int | None, Shape]) -> NetworkSpec:
        return NetworkSpec(name=case[0], width=case[1])

    @pytest.fixture
    def shape(self, case: tuple[str, int | None, Shape]) -> Shape:
        return case[2]


def test_every_network_is_among_them() -> None:
    own = {n for n in NETWORKS.names() if _module(n).startswith("qsched.tasks.")}
    assert {name for name, _, _ in CASES} == own == NETWORKS_OF_THE_PROJECT


def _module(name: str) -> str:
    return getattr(NETWORKS.load(name), "__module__", "")


@pytest.mark.parametrize(
    ("name", "width", "shape", "expected"),
    [
        # 64-16, eight 16-16, nine normalizations, 16-10 with bias
        ("mlp9", 16, (1, 8, 8), 64 * 16 + 8 * 256 + 9 * 32 + 170),
        ("mlp3", 32, (1, 8, 8), 64 * 32 + 2 * 1024 + 3 * 64 + 330),
        # 4,427,136 in convolutions, 9,437,184 and 10,250 in the dense layers, 7,424 normalization
        ("vgg8", None, (3, 32, 32), 13_881_994),
        # He et al. state 0.27 M; 269,722 without the projections
        ("resnet20", None, (3, 32, 32), 269_722 + 16 * 32 + 32 * 64 + 2 * (32 + 64)),
        # A 96 -> 96 layer of 3x3 has 82,944 weights
        ("tnn96", None, (3, 32, 32), 27 * 96 + 6 * 82_944 + 7 * 192 + 864 * 10 + 10),
    ],
)
def test_known_counts(name: str, width: int | None, shape: tuple[int, ...], expected: int) -> None:
    assert parameters(_build(name, width), shape) == expected


def test_counts_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text()
    pattern = r"^\| `(\w+)` \|.*\| (\d+) \| (\d+)x(\d+)x(\d+) \| ([\d,]+) \|$"
    rows = re.findall(pattern, page, re.MULTILINE)
    assert {name for name, *_ in rows} == NETWORKS_OF_THE_PROJECT
    for name, width, channels, height, side, count in rows:
        shape = (int(channels), int(height), int(side))
        assert _build(name) == _build(name, int(width))
        assert parameters(_build(name), shape) == int(count.replace(",", ""))


def _weighted(layers: Layers) -> list[Linear | Conv]:
    found: list[Linear | Conv] = []
    for layer in layers:
        if isinstance(layer, Residual):
            found += _weighted(layer.body) + _weighted(layer.shortcut)
        elif isinstance(layer, Linear | Conv):
            found.append(layer)
    return found


@pytest.mark.parametrize("name", sorted(NETWORKS_OF_THE_PROJECT))
@pytest.mark.parametrize("classes", [2, 10])
def test_every_network_ends_in_a_full_precision_classifier(name: str, classes: int) -> None:
    *hidden, last = _weighted(_build(name, 8, classes))
    assert last == Linear(classes, quantized=False, bias=True)
    assert not any(layer.bias for layer in hidden)


@pytest.mark.parametrize(
    ("name", "depth"),
    [("mlp3", 3), ("mlp9", 9), ("cnn5", 5), ("cnn9", 9), ("vgg8", 7), ("tnn3", 3), ("tnn96", 7)],
)
def test_depth_is_what_the_name_says(name: str, depth: int) -> None:
    layers = _build(name)
    assert sum(layer.quantized for layer in _weighted(layers)) == depth
    assert sum(isinstance(layer, Activation) for layer in layers) == depth


def test_resnet_quantizes_all_but_projections_and_classifier() -> None:
    layers = _build("resnet20")
    quantized = [layer for layer in _weighted(layers) if layer.quantized]
    assert len(quantized) == 19
    assert all(isinstance(layer, Conv) and layer.kernel == 3 for layer in quantized)
    inside = [x for layer in layers if isinstance(layer, Residual) for x in layer.body]
    assert sum(isinstance(layer, Activation) for layer in (*layers, *inside)) == 19


@pytest.mark.parametrize(
    ("name", "shape", "width"), [("tnn3", (1, 8, 8), 32), ("tnn96", (3, 32, 32), 96)]
)
def test_tnn_keeps_within_the_accelerator(name: str, shape: tuple[int, ...], width: int) -> None:
    weighted = _weighted(_build(name))
    convolutions = [layer for layer in weighted if isinstance(layer, Conv)]
    assert len(weighted) <= 8
    assert all(c.kernel == 3 and c.stride <= 3 and c.padding in (0, 1) for c in convolutions)
    assert all(c.channels <= 96 for c in convolutions)
    body = _build(name)[:-1]
    probe = (*body, Linear(1))
    # The classifier reads 3 x 3 positions of all channels, as one more 3x3 layer would.
    assert parameters(probe, shape) - parameters(body, shape) == 3 * 3 * width
    with pytest.raises(InputError, match="at most 96 channels.*network.width is 97"):
        _build(name, 97)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("vgg8", (1, 7, 7), "MaxPool needs larger images"),
        ("tnn96", (1, 15, 15), "MaxPool needs larger images"),
        ("cnn5", (64,), "Conv needs images"),
        ("resnet20", (64,), "Conv needs images"),
    ],
)
def test_inputs_that_do_not_fit(name: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parameters(_build(name, 8), shape)


def test_unlike_arms_of_a_residual() -> None:
    with pytest.raises(InputError, match="give the shortcut a Conv"):
        parameters((Residual((Conv(8),)),), (4, 6, 6))
    with pytest.raises(InputError, match="Linear needs features"):
        parameters((Linear(8),), (4, 6, 6))


def test_precision_reaches_into_residuals() -> None:
    layers = (Residual((Conv(4), Conv(4))), Flatten(), Residual((Linear(3),), (Linear(3),)))
    changed = _weighted(with_precision(layers, Precision(first=False, last=False)))
    assert [layer.quantized for layer in changed] == [False, True, True, False]
    with pytest.raises(InputError, match="at least one Linear or Conv"):
        with_precision((Flatten(),), Precision())
