"""The accelerator's files and its model, against plain loops; its limits, each with a name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qsched.deploy.cutie import Cutie, make_plan, read, write
from qsched.deploy.cutie.machine import compute
from qsched.deploy.cutie.trits import CODE
from qsched.deploy.engines import Numpy
from qsched.deploy.integer import IntegerNetwork, integer_network
from qsched.deploy.records import AvgPool, Conv, Linear
from qsched.deploy.report import observe
from qsched.deploy.verify import verify_engines
from qsched.errors import InputError, SpecError
from tests.deploy.chains import IMAGES, TWO_BIT, accelerated, changed, examples, linear, mixed

DRAW = np.random.default_rng(8)


def from_files(integers: IntegerNetwork, folder: Path) -> Cutie:
    plan = make_plan(integers)
    write(plan, folder)
    return Cutie(integers, plan, read(folder))


@pytest.mark.parametrize("seed", range(3))
def test_the_packed_files_compute_the_same(seed: int, tmp_path: Path) -> None:
    network = accelerated(seed)
    integers, x = integer_network(network), examples(network, 50)
    [found] = verify_engines(Numpy(integers), [from_files(integers, tmp_path)], x)
    assert (found.differing, found.first) == (0, None)


def test_a_byte_flipped_in_memory_is_found(tmp_path: Path) -> None:
    network = accelerated()
    integers, x = integer_network(network), examples(network, 50)
    engine = from_files(integers, tmp_path)
    path = tmp_path / "weights.bin"
    data = bytearray(path.read_bytes())
    place = 5 * 9 * 10  # The first word of the second layer.
    data[place] ^= 0x15
    path.write_bytes(bytes(data))
    broken = Cutie(integers, engine.plan, read(tmp_path))
    [found] = verify_engines(Numpy(integers), [broken], x)
    assert found.differing > 0
    assert found.first is not None
    assert found.first.layer == "act2"


def test_words_lie_in_the_published_order(tmp_path: Path) -> None:
    network = accelerated(2, width=60)  # Two blocks of 48 channels.
    from_files(integer_network(network), tmp_path)
    layers = read(tmp_path)
    image = (tmp_path / "weights.bin").read_bytes()
    weights = layers[1].weights
    start = json.loads((tmp_path / "network.json").read_text())["layers"][1]["offset"]
    expected = []
    for output in range(60):
        for block in range(2):
            for column in range(3):
                for row in range(3):
                    word = [
                        weights[output, c, row, column] if c < 60 else 0
                        for c in range(48 * block, 48 * block + 48)
                    ]
                    expected.append([*word, 0, 0])
    words = np.frombuffer(image, np.uint8)[start : start + len(expected) * 10].reshape(-1, 10)
    np.testing.assert_array_equal(CODE[words].reshape(-1, 50), expected)


def test_descriptors_and_unpacked_arrays(tmp_path: Path) -> None:
    integers = integer_network(accelerated())
    from_files(integers, tmp_path)
    data = json.loads((tmp_path / "network.json").read_text())
    first, second, third, last = (layer["parameters"] for layer in data["layers"])
    assert (first["imagewidth"], first["ni"], first["no"], first["padding_type"]) == (8, 48, 48, 1)
    assert (second["padding_type"], third["pooling_enable"], third["pooling_kernel"]) == (0, 1, 2)
    assert (last["imagewidth"], last["padding_type"]) == (3, 0)
    assert data["layers"][3]["thresh_pos"] is None
    nodes = {node.name: node.operation for node in integers.nodes}
    low, high = (np.load(tmp_path / f"net_l1_thresh_{side}.npy") for side in ("lo", "hi"))
    np.testing.assert_array_equal(low, nodes["act2"].thresholds[:, 0])
    np.testing.assert_array_equal(high, nodes["act2"].thresholds[:, 1] - 1)
    np.testing.assert_array_equal(np.load(tmp_path / "net_l1_weights.npy"), nodes["conv2"].weights)


def loops(layer, acts: np.ndarray) -> np.ndarray:
    """Compute a layer pixel by pixel, sums in ten bits."""
    border = int(layer.same)
    padded = np.pad(acts, ((0, 0), (border, border), (border, border)))
    rows = (padded.shape[1] - 3) // layer.stride[0] + 1
    columns = (padded.shape[2] - 3) // layer.stride[1] + 1
    sums = np.zeros((len(layer.weights), rows, columns), np.int64)
    for o, kernel in enumerate(layer.weights):
        for i in range(rows):
            for j in range(columns):
                y, x = i * layer.stride[0], j * layer.stride[1]
                total = int((padded[:, y : y + 3, x : x + 3] * kernel).sum())
                sums[o, i, j] = int.from_bytes((total & 1023).to_bytes(2, "big"), "big")
                if sums[o, i, j] > 511:
                    sums[o, i, j] -= 1024
    if layer.window:
        w = layer.window
        sums = np.array(
            [
                [
                    [plane[i : i + w, j : j + w].max() for j in range(0, columns // w * w, w)]
                    for i in range(0, rows // w * w, w)
                ]
                for plane in sums
            ]
        )
    if layer.low is None:
        return sums
    return np.array(
        [
            np.where(plane > hi, 1, np.where(plane < lo, -1, 0))
            for plane, lo, hi in zip(sums, layer.low, layer.high, strict=True)
        ]
    )


@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("window", [0, 2])
def test_the_model_is_what_loops_compute(same: bool, stride: tuple[int, int], window: int) -> None:
    [layer, *_] = make_plan(integer_network(accelerated())).layers
    weights = DRAW.integers(-1, 2, (4, 90, 3, 3))
    pool = "max" if window else None
    low, high = np.array([-3, 0, 1, -9]), np.array([3, 0, 0, 9])
    layer = replace(
        layer,
        weights=weights,
        low=low,
        high=high,
        stride=stride,
        same=same,
        pool=pool,
        window=window,
    )
    acts = DRAW.integers(-1, 2, (2, 90, 9, 8))
    found = compute(layer, acts)
    for one, image in zip(found, acts, strict=True):
        np.testing.assert_array_equal(one, loops(layer, image))


def test_sums_beyond_ten_bits_wrap() -> None:
    [layer, *_] = make_plan(integer_network(accelerated())).layers
    ones = np.ones((1, 60, 3, 3), np.int64)
    raw = replace(layer, weights=ones, low=None, high=None, same=False)
    assert compute(raw, np.ones((1, 60, 3, 3), np.int64)).item() == 540 - 1024


def test_the_host_keeps_what_is_not_ternary() -> None:
    network = replace(accelerated(), input=IMAGES)
    plan = make_plan(integer_network(network))
    assert [node.name for node in plan.before] == ["conv1", "act1"]
    assert [layer.name for layer in plan.layers] == ["conv2", "conv3", "head"]
    assert [node.name for node in plan.after] == ["head.logits"]
    wide = changed(network, "head", levels=network.layers[-1].levels * 900)
    plan = make_plan(integer_network(wide))
    assert [layer.name for layer in plan.layers] == ["conv2", "conv3"]
    assert [node.name for node in plan.after] == ["head", "head.logits"]


def test_features_are_images_of_one_pixel(tmp_path: Path) -> None:
    layers = accelerated().layers
    hidden = linear(DRAW, "hidden", 6, 45, 1, scale=0.3)
    act, head = replace(layers[8], name="act4"), linear(DRAW, "last", 4, 6, 1)
    network = replace(accelerated(), layers=(*layers[:-1], hidden, act, head))
    integers, x = integer_network(network), examples(network)
    engine = from_files(integers, tmp_path)
    assert [layer.image for layer in engine.layers][3:] == [(3, 3), (1, 1)]
    assert verify_engines(Numpy(integers), [engine], x)[0].differing == 0


def problems(network: IntegerNetwork, x: np.ndarray | None = None) -> list[str]:
    with pytest.raises(SpecError) as caught:
        make_plan(network, None if x is None else observe(network, x))
    return [str(problem) for problem in caught.value.problems]


def conv_like(network, name: str, shape: tuple[int, ...], **fields: object) -> Conv:
    [old] = [layer for layer in network.layers if layer.name == name]
    return replace(old, levels=DRAW.integers(-1, 2, shape), **fields)


def test_too_many_channels() -> None:
    found = problems(integer_network(accelerated(width=97)))
    assert any(line.startswith("conv1: a layer has at most 96 output channels") for line in found)
    assert any(line.startswith("conv2: a layer has at most 96 input channels") for line in found)


def test_another_kernel() -> None:
    network = accelerated()
    five = conv_like(network, "conv1", (5, 2, 5, 5), padding=(2, 2))
    layers = (five, *network.layers[1:])
    [line] = problems(integer_network(replace(network, layers=layers)))
    assert line.startswith("conv1: a convolution must be 3x3 with padding 0 or 1")
    assert "5x5 with padding (2, 2)" in line


def test_groups_and_strides_and_weights() -> None:
    network = accelerated(width=4)
    layers = list(network.layers)
    layers[3] = conv_like(network, "conv2", (4, 2, 3, 3), groups=2)
    found = problems(integer_network(replace(network, layers=tuple(layers))))
    assert "in 2 groups" in found[0]
    two = changed(network, "conv3", levels=network.layers[6].levels * 2)
    assert problems(integer_network(two)) == [
        "conv3: weights must be -1, 0 or 1; train with ternary weights"
    ]


def test_the_accumulator_names_every_channel_and_what_was_seen() -> None:
    network = accelerated(width=60)
    levels = network.layers[3].levels.copy()
    levels[[7, 9]] = 1
    network = changed(network, "conv2", levels=levels)
    integers = integer_network(network)
    found = problems(integers, examples(network, 5))
    assert [line.split(":")[1].strip() for line in found] == ["channel 7", "channel 9"]
    assert all(line.startswith("conv2: channel") for line in found)
    assert "sum of its absolute weights is 540; over the data it went from" in found[0]
    assert "over the data" not in problems(integers)[0]


def test_thresholds_beyond_eleven_bits() -> None:
    integers = integer_network(accelerated())
    nodes = list(integers.nodes)
    thresholds = nodes[3].operation.thresholds.copy()
    thresholds[2] = [-1025, 1025]
    nodes[3] = replace(nodes[3], operation=replace(nodes[3].operation, thresholds=thresholds))
    found = problems(replace(integers, nodes=tuple(nodes)))
    assert found == [
        "conv2: channel 2: thresholds have 11 bits, -1024 to 1023, but one is -1025",
        "conv2: channel 2: thresholds have 11 bits, -1024 to 1023, but one is 1024",
    ]


def test_activations_of_other_levels_and_mean_pooling_behind_them() -> None:
    thresholds, levels, quantum = TWO_BIT
    network = changed(accelerated(), "act2", thresholds=thresholds, levels=levels, quantum=quantum)
    assert "conv2: activations must be -1, 0, 1 or -1, 1" in problems(integer_network(network))[0]
    layers = [
        AvgPool("pool", (2, 2), (2, 2)) if layer.name == "pool" else layer
        for layer in accelerated().layers
    ]
    found = problems(integer_network(replace(accelerated(), layers=tuple(layers))))
    assert "conv3: mean pooling works on sums" in found[0]


def test_more_than_eight_layers() -> None:
    layers = list(accelerated().layers)
    more = [replace(layer, name=f"{layer.name}-{i}") for i in range(6) for layer in layers[6:9]]
    found = problems(
        integer_network(replace(accelerated(), layers=(*layers[:9], *more, *layers[9:])))
    )
    assert found == [
        "conv3-5: a run has at most 8 layers, but this is number 9 of 10; use a shallower network"
    ]


def test_large_images() -> None:
    network = replace(accelerated(), input=replace(accelerated().input, shape=(2, 66, 65)))
    layers = [
        replace(layer, levels=DRAW.integers(-1, 2, (4, 5 * 32 * 31)))
        if isinstance(layer, Linear)
        else layer
        for layer in network.layers
    ]
    found = problems(integer_network(replace(network, layers=tuple(layers))))
    assert found == [
        f"{name}: images have sides of at most 64, but this reads 66x65; lower the resolution"
        for name in ("conv1", "conv2")
    ]


def test_nothing_left_for_the_accelerator() -> None:
    network = mixed()
    one = replace(network, layers=(network.layers[9], linear(DRAW, "head", 3, 128, 9)))
    assert problems(integer_network(one)) == [
        "network: no layer is left for the accelerator: the host computes all"
    ]


def test_every_fault_of_every_layer_at_once() -> None:
    found = problems(integer_network(accelerated(width=130)))
    assert {line.split(":")[0] for line in found} == {"conv1", "conv2", "conv3", "head"}


def test_pooling_that_the_controller_may_count_wrongly_is_noted() -> None:
    network = changed(accelerated(), "conv3", padding=(0, 0))
    layers = [
        replace(layer, levels=DRAW.integers(-1, 2, (4, 20))) if layer.name == "head" else layer
        for layer in network.layers
    ]
    plan = make_plan(integer_network(replace(network, layers=tuple(layers))))
    assert any("conv3: pooling behind" in note for note in plan.notes)
    assert make_plan(integer_network(accelerated())).notes == ()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("network.json", b"{", "must be readable"),
        ("network.json", b'{"format": "qsched/cutie/9"}', "has `qsched/cutie/9`"),
        ("weights.bin", b"123", "too short"),
    ],
)
def test_broken_folders_are_refused(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    from_files(integer_network(accelerated()), tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(tmp_path)
    with pytest.raises(InputError, match="must be readable"):
        read(tmp_path / "nowhere")
