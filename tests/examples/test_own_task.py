"""Studies of PyTorch models of one's own, end to end: lanes, torch.func, one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from qsched.cli import main
from qsched.plugins import load_plugin
from qsched.schedules.file import load_schedule
from qsched.specs import Run
from qsched.specs.files import load_study
from qsched.storage import Storage
from qsched.training import train

EXAMPLES = Path(__file__).parents[2] / "examples"
PLUGIN = '''\
"""Three models: a chain of layers, one with ReLU, one that looks at its numbers."""
import torch
from torch import nn

import qsched


def net(activation):
    hidden = nn.Linear(64, 12), nn.BatchNorm1d(12), activation()
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(12, 4))


class Looking(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net(nn.ReLU)

    def forward(self, x):
        return self.net(x if x.mean().item() < 9 else x / 2)


qsched.task("study-chain", lambda width, classes: net(nn.Hardtanh))
qsched.task("study-relu", lambda width, classes: net(nn.ReLU))
qsched.task("study-looking", lambda width, classes: Looking())
'''
STUDY = """\
format: qsched/study/1
name: {network}
task:
  data: {{name: synthetic, train: 64, validation: 64}}
  network: {{name: {network}}}
  epochs: 2
  batch_size: 16
space: ana
baselines: [ana-ste-static]
static: {{backward_std: [0.5]}}
budget:
  trials: 2
  rungs: [{{seeds: 2}}]
  learning_rates: [1.0]
sampler: {{batch: 2}}
confirmation: {{candidates: 1, baselines: 1, selection_seeds: 2, report_seeds: 3}}
"""
PATHS = {
    "study-chain": ("lanes", ""),
    "study-relu": ("torch-func", "trained as lanes of torch.func; it has no lane version: ReLU"),
    "study-looking": ("torch-loop", "trained as runs one by one; torch.func cannot compute it"),
}


@pytest.mark.parametrize("network", PATHS)
def test_a_study(
    network: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QSCHED_DB", raising=False)
    Path("plugin.py").write_text(PLUGIN)
    Path("study.yaml").write_text(STUDY.format(network=network))
    arguments = ["run", "study.yaml", "--plugin", "plugin.py", "--workers", "1", "--json"]
    assert main(arguments) == 0
    out, err = capfd.readouterr()
    engine, said = PATHS[network]
    assert said in err
    assert json.loads(out)["verdict"]["trials"] == 2
    with Storage.open(f"sqlite:///{tmp_path}/qsched.db", create=False) as storage:
        runs = storage.runs(network)
    assert {row.result.status for row in runs} == {"finished"}
    assert all(engine in row.result.versions["engine"] for row in runs)


def test_the_example_trains() -> None:
    load_plugin(EXAMPLES / "own_task.py")
    study = load_study(EXAMPLES / "own-task.yaml")
    schedules = [load_schedule(name).schedule for name in study.baselines]
    results = train([Run(task=study.task, schedule=s, seed=1) for s in schedules])
    assert [result.versions["engine"] for result in results] == ["torch-func"] * 2
    assert all((result.accuracy or 0) > 0.3 for result in results)  # one class in four


def test_what_is_registered_is_what_the_study_names() -> None:
    named = yaml.safe_load((EXAMPLES / "own-task.yaml").read_text())["task"]["network"]["name"]
    assert f'"{named}"' in (EXAMPLES / "own_task.py").read_text()


@pytest.mark.parametrize(
    ("study", "plugin"), [("own-task.yaml", "own_task.py"), ("my-study.yaml", "my_task.py")]
)
def test_the_example_studies_run(
    study: str,
    plugin: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QSCHED_DB", raising=False)
    spec = yaml.safe_load((EXAMPLES / study).read_text())
    spec["task"]["epochs"] = 1
    spec["baselines"] = spec["baselines"][:1]
    spec["budget"] = {"trials": 2, "rungs": [{"seeds": 2}], "learning_rates": [1.0]}
    spec["static"] = {"backward_std": [0.5]}
    spec["sampler"] = {"batch": 2}
    spec["confirmation"] = {
        "candidates": 1,
        "baselines": 1,
        "selection_seeds": 2,
        "report_seeds": 3,
    }
    Path(study).write_text(yaml.safe_dump(spec))
    arguments = ["--plugin", str(EXAMPLES / plugin), "--workers", "1", "--json"]
    assert main(["run", f"./{study}", *arguments]) == 0
    assert json.loads(capfd.readouterr().out)["verdict"]["trials"] == 2
