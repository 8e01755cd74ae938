"""The page on attached schedules: its code runs, its table is what is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

import qsched
from qsched.cli import main
from qsched.registry import NETWORKS
from tests.attachment.models import batch, network

PAGE = (Path(__file__).parents[2] / "docs" / "attach.md").read_text(encoding="utf-8")
STEPS = 8


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def batches(steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    return (batch(step) for step in range(steps))


def test_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"make_model": network, "batches": batches, "STEPS": STEPS}
    training, shown, checkpoint = _blocks("python")[:3]
    for block in (training, shown, checkpoint):
        exec(block, names)
    assert capsys.readouterr().out == _blocks("text")[0]
    x, _ = batch(20)
    resumed, hard = names["model"], names["hard"]
    assert isinstance(resumed, torch.nn.Module)
    assert isinstance(hard, torch.nn.Module)
    assert torch.equal(resumed.eval()(x), hard(x))


def test_trainers_and_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lightning = pytest.importorskip("lightning")
    transformers = pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    blocks = _blocks("python")[3:]
    assert len(blocks) == 3
    names: dict[str, object] = {
        "qsched": qsched,
        "lightning": lightning,
        "transformers": transformers,
        "model": qsched.quantize(network(), "inq-halves"),
        "arguments": transformers.TrainingArguments("out", use_cpu=True, report_to=[]),
        "network": lambda width, classes: network(),
    }
    for block in blocks:
        # The example registers a network of the same name.
        exec(block.replace("small-residual-network", "documented-network"), names)
    assert "documented-network" in NETWORKS.names()


def test_bundled_schedules_are_lowered_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    commands = [line for line in PAGE.splitlines() if line.startswith("qsched lower ana-")]
    assert len(commands) == 1
    assert main(commands[0].split()[1:]) == 0
    assert capsys.readouterr().out
