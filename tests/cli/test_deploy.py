"""``qsched train --save`` and ``qsched deploy``, from a schedule to files that were verified."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from qsched.cli import main
from qsched.deploy import HardNetwork, load, save
from qsched.files import resolve
from tests.deploy.chains import accelerated, examples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deploy")


@pytest.fixture(scope="module")
def task(folder: Path) -> Path:
    """Return digits-tnn, narrow and short."""
    text = resolve("studies", "digits-tnn").read_text(encoding="utf-8")
    changes = {
        "name: digits-tnn": "name: tiny",
        "width: 32": "width: 6",
        "epochs: 10": "epochs: 2",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def checkpoint(folder: Path, task: Path) -> Path:
    path = folder / "net.pt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QSCHED_ENGINE", "torch")
        arguments = ["--seeds", "2", "--workers", "1", "--save", str(path), "--json"]
        assert main(["train", "ana-ste-static", "--task", str(task), *arguments]) == 0
    return path


def test_the_checkpoint_says_where_it_came_from(checkpoint: Path) -> None:
    meta = load(checkpoint).metadata
    assert meta.schedule == "ana-ste-static"
    assert meta.task is not None
    assert meta.task["network"] == {"name": "tnn3", "width": 6}
    assert meta.accuracy is not None
    assert meta.trained_accuracy is not None
    assert meta.accuracy == pytest.approx(meta.trained_accuracy, abs=0.2)
    assert meta.accuracy == meta.rounded_accuracy  # integers lose nothing, rounding inputs does


@pytest.mark.parametrize("target", ["onnx", "qonnx", "cutie"])
def test_every_format_verifies(
    target: str, checkpoint: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / f"out-{target}"
    arguments = ["deploy", str(checkpoint), "--format", target, "--out", str(out), "--verify"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    engines = ["torch", "onnxruntime", "qonnx", *(["cutie"] if target == "cutie" else [])]
    for engine in engines:
        assert f"verified {engine}" in text
    assert text.count("against numpy: 0 differing logits over 437 examples") == len(engines)
    assert "verified the trained network, its inputs rounded, against numpy: 0 logits" in text
    assert "as trained, inputs rounded to integers (--input-bits)" in text
    assert "estimate, not a measurement" in text
    report = json.loads((out / "report.json").read_text())
    rows = report["verified"]
    assert [row["engine"] for row in rows] == ["the trained network", *engines]
    assert [row["tolerance"] > 0 for row in rows] == [True, *[False] * len(engines)]
    assert report["cost"]["trits"] == report["cost"]["weights"]
    with np.load(out / "golden.npz") as golden:
        assert set(golden) >= {"x", "input", "conv1", "conv3.activation", "linear4.logits"}
    if target == "onnx":
        onnx.checker.check_model(onnx.load(out / "network.onnx"))
    if target == "cutie":
        assert report["host"] == ["conv1", "conv1.activation", "linear4.logits"]
        assert (out / "weights.bin").stat().st_size == (6 + 6 + 10) * 9 * 10


def test_json_is_the_report(
    checkpoint: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "json"
    assert main(["deploy", str(checkpoint), "--format", "onnx", "--out", str(out), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data == json.loads((out / "report.json").read_text())
    assert data["verified"] == []
    assert data["network"]["seed"] == load(checkpoint).metadata.seed


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def test_bad_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "other.pt"
    torch.save({"format": "qsched/network/7", "metadata": {"version": "3.0"}}, other)
    assert "written by qsched 3.0" in refused(capsys, "deploy", other, "--format", "onnx")
    other.write_text("text")
    assert "no checkpoint of qsched" in refused(capsys, "deploy", other, "--format", "onnx")
    assert list(tmp_path.iterdir()) == [other]


def test_illegal_for_the_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wide.pt"
    save(accelerated(width=97), path)
    errors = refused(capsys, "deploy", path, "--format", "cutie").splitlines()
    assert all(line.startswith("error: illegal for cutie: ") for line in errors)
    assert any("conv1: a layer has at most 96 output channels" in line for line in errors)
    assert any("head: a layer has at most 96 input channels" in line for line in errors)
    assert list(tmp_path.iterdir()) == [path]


def test_verifying_needs_a_test_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "traced.pt"
    network: HardNetwork = accelerated()
    save(replace(network), path)
    assert "knows of no task" in refused(capsys, "deploy", path, "--format", "onnx", "--verify")
    assert main(["deploy", str(path), "--format", "onnx"]) == 0


def test_examples_of_one_s_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = accelerated()
    path, x = tmp_path / "traced.pt", tmp_path / "x.npy"
    save(network, path)
    deploy = ("deploy", path, "--format", "onnx", "--verify", "--examples", x)
    assert "check the path" in refused(capsys, *deploy)
    x.write_text("text")
    assert "no .npy file" in refused(capsys, *deploy)
    np.save(x, np.zeros((3, 8, 8)))
    assert "must be one array of the shape (N, 2, 8, 8), but it holds (3, 8, 8)" in refused(
        capsys, *deploy
    )
    np.save(x, np.full((3, 2, 8, 8), np.inf))
    assert "finite numbers" in refused(capsys, *deploy)
    np.save(x, examples(network, 30).astype(np.int8))
    assert main([str(argument) for argument in deploy]) == 0
    text = capsys.readouterr().out
    assert "verified onnxruntime against numpy: 0 differing logits over 30 examples" in text
    assert "not verified: the trained network itself" in text


PLUGIN = """\
import dataclasses
import qsched
from qsched.registry import DATASETS
from torch import nn


def net(width, classes):
    hidden = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
    return nn.Sequential(*hidden, nn.Flatten(), nn.Linear(144, classes))


def data(spec, folder):
    named = spec.model_copy(update={"name": "synthetic"})
    return DATASETS.load("synthetic")(named, folder)


qsched.task("cli-own", net, data)
"""


def test_a_task_of_a_plugin(
    tmp_path: Path, task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin, study, net = tmp_path / "plug.py", tmp_path / "own.yaml", tmp_path / "net.pt"
    plugin.write_text(PLUGIN)
    text = task.read_text().replace("name: tnn3", "name: cli-own").replace("last: true", "")
    text = text.replace("name: digits\n", "name: cli-own\n").replace("train: 480", "train: 96")
    study.write_text(text.replace("validation: 400", "validation: 32").replace("width: 6", ""))
    train = ["train", "ana-ste-static", "--task", str(study), "--seeds", "2", "--workers", "1"]
    assert main([*train, "--plugin", str(plugin), "--save", str(net)]) == 0
    capsys.readouterr()
    deploy = ["deploy", str(net), "--format", "onnx", "--verify"]
    assert main([*deploy, "--plugin", str(plugin)]) == 0
    printed = capsys.readouterr().out
    assert "verified the trained network, its inputs rounded, against numpy: 0 logits" in printed
    assert "as trained" in printed


def test_data_that_nobody_registered(
    tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = load(checkpoint)
    path = tmp_path / "other.pt"
    assert network.metadata.task is not None
    data = {**network.metadata.task["data"], "name": "nobodys"}
    unknown = {**network.metadata.task, "data": data}
    save(replace(network, metadata=replace(network.metadata, task=unknown)), path)
    error = refused(capsys, "deploy", path, "--format", "onnx", "--verify")
    assert "nobodys" in error
    assert "--plugin, or inputs of your own by --examples x.npy" in error


def test_saving_is_refused_before_anything_is_trained(
    tmp_path: Path, task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = ("train", "ana-ste-static", "--seeds", "2", "--task")
    there = tmp_path / "there.pt"
    there.write_text("")
    assert "exists; choose another" in refused(capsys, *train, task, "--save", there)
    missing = tmp_path / "no" / "net.pt"
    assert "there is no folder" in refused(capsys, *train, task, "--save", missing)
    floats = tmp_path / "floats.yaml"
    floats.write_text(task.read_text().replace("activations: ternary", "activations: float"))
    errors = refused(capsys, *train, floats, "--save", tmp_path / "net.pt").splitlines()
    assert len(errors) == 3
    assert "`conv1` has activations in full precision" in errors[0]
