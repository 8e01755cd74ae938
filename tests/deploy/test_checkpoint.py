"""Checkpoints: what is stored is what comes back; other files are refused with a reason."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from qsched.deploy import HardNetwork, Metadata, load, save
from qsched.deploy.records import Reference
from qsched.errors import InputError
from tests.deploy.chains import accelerated, mixed


def test_round_trip(tmp_path: Path) -> None:
    metadata = Metadata(
        "1.2.3", {"epochs": 3, "data": {"name": "digits"}}, "ana-rule", "ab", 7, 0.5
    )
    network = replace(mixed(), metadata=metadata)
    save(network, tmp_path / "net.pt")
    found = load(tmp_path / "net.pt")
    assert (found.input, found.metadata) == (network.input, metadata)
    assert [type(x) for x in found.layers] == [type(x) for x in network.layers]
    for one, other in zip(found.layers, network.layers, strict=True):
        for field in fields(other):
            left, right = getattr(one, field.name), getattr(other, field.name)
            if isinstance(right, np.ndarray):
                assert left.dtype == right.dtype
                np.testing.assert_array_equal(left, right)
            else:
                assert left == right


def stored(path: Path, network: HardNetwork) -> dict[str, object]:
    save(network, path)
    data: dict[str, object] = torch.load(path, weights_only=True)
    return data


def test_a_file_runs_no_code_and_says_its_format(tmp_path: Path) -> None:
    data = stored(tmp_path / "net.pt", accelerated())
    assert data["format"] == "qsched/network/1"


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    data = stored(path, accelerated())
    torch.save({**data, "format": "qsched/network/2", "metadata": {"version": "9.0"}}, path)
    with pytest.raises(InputError, match=r"reads `qsched/network/1`.*is `qsched/network/2`.*9\.0"):
        load(path)


@pytest.mark.parametrize("content", [torch.zeros(3), {"weight": torch.zeros(3)}, [1]])
def test_another_file_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InputError, match="holds something else.*qsched.deploy.trace"):
        load(tmp_path / "other.pt")


def test_what_is_no_checkpoint_at_all_is_refused(tmp_path: Path) -> None:
    for name, content in (("a", b"hello"), ("b", b""), ("c", b"PK\x03\x04broken")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="no checkpoint of qsched"):
            load(tmp_path / name)
    with pytest.raises(InputError, match="check the path"):
        load(tmp_path / "missing.pt")


def test_pickled_code_is_not_run(tmp_path: Path) -> None:
    torch.save({"format": "qsched/network/1", "layers": [Path("/")]}, tmp_path / "net.pt")
    with pytest.raises(InputError, match="no checkpoint of qsched"):
        load(tmp_path / "net.pt")


@pytest.mark.parametrize(
    ("number", "name", "field", "value", "message"),
    [
        (
            0,
            "conv1",
            "levels",
            torch.full((5, 2, 3, 3), 0.5),
            "integers, but is an array of float",
        ),
        (0, "conv1", "levels", torch.ones(5, 18, dtype=torch.int64), "must have 4 axes"),
        (0, "conv1", "scale", torch.ones(3, dtype=torch.float64), r"the shape \(5,\), but has"),
        (0, "conv1", "stride", (1, 0), "two integers >= 1"),
        (1, "norm1", "mean", torch.full((5,), torch.nan), "array of float32 with NaN"),
        (1, "norm1", "eps", "tiny", "a number > 0, but is 'tiny'"),
        (2, "act1", "levels", torch.tensor([-1, 1]), r"the shape \(3,\)"),
        (2, "act1", "quantum", None, "a number > 0, but is None"),
        (9, "pool", "size", [2], "two integers"),
    ],
)
def test_fields_of_a_damaged_checkpoint(
    tmp_path: Path, number: int, name: str, field: str, value: object, message: str
) -> None:
    path = tmp_path / "net.pt"
    data = stored(path, accelerated())
    layers = data["layers"]
    assert isinstance(layers, list)
    assert layers[number]["name"] == name
    layers[number][field] = value
    torch.save(data, path)
    with pytest.raises(InputError, match=f"damaged.*{field} of `{name}`.*{message}"):
        load(path)


def test_the_input_of_a_damaged_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    data = stored(path, accelerated())
    torch.save({**data, "input": {"shape": (2, 8), "step": 0.3, "low": -1, "high": 1}}, path)
    with pytest.raises(InputError, match="damaged.*a power of two"):
        load(path)


def test_what_the_trained_network_said_is_kept(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    kept = Reference(draw.normal(size=(4, 3)), 0.5, "ab", draw.normal(size=(4, 2)).astype("f4"))
    save(replace(accelerated(), reference=kept), tmp_path / "net.pt")
    found = load(tmp_path / "net.pt").reference
    assert found is not None
    np.testing.assert_array_equal(found.logits, kept.logits)
    np.testing.assert_array_equal(found.x, kept.x)
    assert (found.tolerance, found.inputs_sha256) == (0.5, "ab")


@pytest.mark.parametrize("missing", ["input", "layers", "metadata"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "net.pt"
    data = stored(path, accelerated())
    del data[missing]
    torch.save(data, path)
    with pytest.raises(InputError, match="damaged.*save it again"):
        load(path)
