"""Integer networks against PyTorch, which computes normalization and stairs by their formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from qsched.deploy.execute import golden, logits, quantize
from qsched.deploy.integer import Sum, Threshold, integer_network
from qsched.deploy.records import (
    AvgPool,
    Conv,
    Flatten,
    HardNetwork,
    Layer,
    MaxPool,
    Norm,
    Stair,
)
from qsched.deploy.twin import to_torch
from qsched.errors import InputError
from tests.deploy.chains import (
    IMAGES,
    accelerated,
    changed,
    conv,
    examples,
    linear,
    mixed,
    norm,
    stair,
)


def torch_logits(network: HardNetwork, x: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        found: np.ndarray = to_torch(network, integer_network(network))(
            torch.from_numpy(x)
        ).numpy()
    return found


@pytest.mark.parametrize("make", [accelerated, mixed])
@pytest.mark.parametrize("seed", range(4))
def test_logits_are_those_of_pytorch_bit_for_bit(make, seed) -> None:
    network = make(seed)
    x = examples(network)
    found = logits(integer_network(network), x)
    assert found.dtype == np.float32
    assert len(np.unique(found, axis=0)) > len(found) / 4
    np.testing.assert_array_equal(found, torch_logits(network, x))


def test_the_head_is_the_float_head_up_to_its_rounding() -> None:
    network = mixed()
    x = examples(network)
    integers = integer_network(network)
    tensors = golden(integers, x)
    acts = tensors["act3"] * 0.25
    head = network.layers[-1]
    expected = acts @ (head.levels * head.scale[:, None]).T + head.bias
    step = integers.nodes[-1].operation.step
    np.testing.assert_allclose(logits(integers, x), expected, rtol=0, atol=step)


def test_every_tensor_of_the_accelerated_network_by_plain_formulas() -> None:
    network = accelerated(2)
    x = examples(network)
    tensors = golden(integer_network(network), x)
    value = x.astype(np.float64)
    for layer in network.layers[:-1]:
        match layer:
            case Conv():
                kernel = torch.from_numpy(layer.levels * 0.7)
                value = F.conv2d(
                    torch.from_numpy(value), kernel, torch.from_numpy(layer.bias), 1, layer.padding
                ).numpy()
            case Norm():
                mean, variance, scale, shift = (
                    v.reshape(1, -1, 1, 1)
                    for v in (layer.mean, layer.variance, layer.scale, layer.shift)
                )
                value = (value - mean) / np.sqrt(variance + layer.eps) * scale + shift
            case Stair():
                value = (value >= 0.5).astype(float) - (value < -0.5)
                np.testing.assert_array_equal(value, tensors[layer.name])
    assert np.abs(tensors["act3"]).sum() > 0


def test_weights_of_negative_scales_are_flipped_and_thresholds_ascend() -> None:
    network = accelerated(1)
    [norm] = [layer for layer in network.layers if layer.name == "norm1"]
    negative = norm.scale < 0
    assert negative.any()
    assert not negative.all()
    nodes = {node.name: node for node in integer_network(network).nodes}
    signs = np.where(negative, -1, 1).reshape(-1, 1, 1, 1)
    conv, act = nodes["conv1"].operation, nodes["act1"].operation
    assert isinstance(conv, Sum)
    assert isinstance(act, Threshold)
    np.testing.assert_array_equal(conv.weights, network.layers[0].levels * signs)
    assert (np.diff(act.thresholds, axis=1) >= 0).all()
    # The last channel has scale 0: it is constant, whatever the sum.
    low, high = nodes["conv1"].low[-1], nodes["conv1"].high[-1]
    assert set(act.thresholds[-1]) <= {low, high + 1}


def test_bounds_hold_and_are_reached_by_some_input() -> None:
    network = accelerated(3)
    integers = integer_network(network)
    node = integers.nodes[0]
    best = np.sign(node.operation.weights[0])[None]
    padded = np.zeros((1, 2, 8, 8))
    padded[:, :, 3:6, 3:6] = best
    sums = golden(integers, padded)["conv1"]
    assert sums[0, 0].max() == node.high[0]
    assert (sums.min(axis=(0, 2, 3)) >= node.low).all()


def pooled(*between: Layer, side: int = 8) -> HardNetwork:
    """Return a network that pools before its activation, on 8-bit images."""
    draw = np.random.default_rng(5)
    rest = (side // 2) ** 2
    layers = (
        conv(draw, "conv", 4, 2, padding=(1, 1)),
        *between,
        stair("act"),
        Flatten("flatten"),
        linear(draw, "head", 3, 4 * rest, 1),
    )
    return HardNetwork(replace(IMAGES, shape=(2, side, side)), layers)


def test_sums_of_mean_pooling_are_bounded_once() -> None:
    """A network with a global mean of 32x32 pixels is legal: its sums stay below 2^24."""
    draw = np.random.default_rng(0)
    layers = (
        conv(draw, "conv", 8, 2, padding=(1, 1)),
        norm(draw, "norm", 8),
        stair("act"),
        AvgPool("mean", (32, 32), (32, 32)),
        Flatten("flatten"),
        linear(draw, "head", 3, 8, 900),
    )
    network = HardNetwork(replace(IMAGES, shape=(2, 32, 32)), layers)
    nodes = {node.name: node for node in integer_network(network).nodes}
    assert set(nodes["mean"].low) == {-1024}
    assert set(nodes["mean"].high) == {1024}
    assert nodes["head"].high.max() <= 8 * 900 * 1024
    x = examples(network, 6)
    np.testing.assert_array_equal(logits(integer_network(network), x), torch_logits(network, x))


def test_the_threshold_of_a_constant_channel_is_one_beyond_the_pooled_sums() -> None:
    draw = np.random.default_rng(1)
    network = pooled(AvgPool("mean", (2, 2), (2, 2)), norm(draw, "norm", 4))
    network = changed(network, "norm", shift=np.array([0.1, 0.1, 0.1, -2.0]))
    nodes = {node.name: node for node in integer_network(network).nodes}
    operation = nodes["act"].operation
    assert isinstance(operation, Threshold)
    assert nodes["mean"].high[-1] == 4 * nodes["conv"].high[-1]
    assert set(operation.thresholds[-1]) == {nodes["mean"].high[-1] + 1}
    x = examples(network)
    np.testing.assert_array_equal(logits(integer_network(network), x), torch_logits(network, x))


def test_max_pooling_of_normalized_sums_takes_negative_scales() -> None:
    draw = np.random.default_rng(2)
    network = pooled(norm(draw, "norm", 4), MaxPool("max", (2, 2), (2, 2)))
    network = changed(network, "norm", scale=np.array([-1.0, 0.5, -0.7, 0.0]))
    x = examples(network)
    found = logits(integer_network(network), x)
    assert len(np.unique(found, axis=0)) > len(x) / 4
    np.testing.assert_array_equal(found, torch_logits(network, x))


def test_inputs_are_rounded_half_to_even_and_clipped() -> None:
    spec = mixed().input
    x = np.array([0.5, 1.5, 2.5, 1e9, -1e9]) * spec.step
    assert quantize(x, spec).tolist() == [0, 2, 2, 127, -128]


def without(network: HardNetwork, *names: str) -> HardNetwork:
    return replace(network, layers=tuple(x for x in network.layers if x.name not in names))


DRAW = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            without(accelerated(), "act1"),
            "input of `conv2` is not quantized.*quantize activations",
        ),
        (without(accelerated(), "head"), "must end in a classifier.*ends in `flatten`"),
        (
            replace(accelerated(), layers=(*accelerated().layers, stair("end"))),
            "must end in a classifier",
        ),
        (
            changed(mixed(), "norm2", scale=np.array([1.0, -1.0, 1.0, -1.0] + [1.0] * 8)),
            r"negative scale.*before `act2` \(channels 1, 3\) max pooling comes before",
        ),
        (
            changed(mixed(), "head", levels=np.full((3, 7), 2**23)),
            r"below 2\^24.*`head` can reach",
        ),
        (
            changed(mixed(), "head", scale=np.array([1.0, 2.0, 1.0])),
            "`head` must have one scale for all classes",
        ),
    ],
)
def test_what_cannot_be_folded_is_refused_by_name(network: HardNetwork, message: str) -> None:
    with pytest.raises(InputError, match=message):
        integer_network(network)


def test_two_normalizations_are_refused() -> None:
    layers = accelerated().layers
    twice = (*layers[:2], replace(layers[1], name="again"), *layers[2:])
    with pytest.raises(InputError, match="`again` follows `norm1`"):
        integer_network(replace(accelerated(), layers=twice))


@pytest.mark.parametrize(("name", "taken"), [("act1", "another layer"), ("input", "a tensor")])
def test_names_are_unique(name: str, taken: str) -> None:
    layers = accelerated().layers
    renamed = (*layers[:5], replace(layers[5], name=name), *layers[6:])
    with pytest.raises(InputError, match=f"a name of its own, but `{name}` is that of {taken}"):
        integer_network(replace(accelerated(), layers=renamed))


def test_flattening_sums_is_refused() -> None:
    layers = accelerated().layers
    moved = (*layers[:8], layers[10], layers[8])
    with pytest.raises(InputError, match="`flatten` stands between `conv3` and its activation"):
        integer_network(replace(accelerated(), layers=moved))


def test_an_activation_of_the_input_needs_no_weights() -> None:
    network = mixed()
    first = stair("enter")
    layers = (first, MaxPool("p", (8, 8), (8, 8)), AvgPool("q", (1, 1), (1, 1)))
    flat = (mixed().layers[9], linear(DRAW, "head", 3, 2, 1))
    entered = replace(network, layers=(*layers, *flat))
    x = examples(entered)
    found = golden(integer_network(entered), x)["enter"]
    rounded = np.rint(x * 32) / 32
    np.testing.assert_array_equal(found, (rounded >= 0.5) * 1 - (rounded < -0.5))
    np.testing.assert_array_equal(logits(integer_network(entered), x), torch_logits(entered, x))
