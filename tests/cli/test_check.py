"""validate: every error of every file at once, with its line."""

from __future__ import annotations

import json
from pathlib import Path

from qsched.cli.kinds import KINDS
from qsched.files import bundled_names
from tests.cli.conftest import Qsched
from tests.study.toy import TOY

SCHEDULE = """\
format: qsched/schedule/1
name: mine
schedule:
  learning_rate: {initial: 0.01}
  windw: {start: 0.1}
  window: {start: 0.9, end: 0.2}
"""


def test_all_bundled_files_are_valid(qsched: Qsched) -> None:
    result = qsched("validate", "--all")
    count = sum(len(bundled_names(kind.folder)) for kind in KINDS)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{count} checked, {count} valid, 0 with errors\n"


def test_every_error_of_every_file_with_its_line(qsched: Qsched, tmp_path: Path) -> None:
    study = TOY.replace("epochs: 10", "epohs: 10").replace("trials: 4", "trials: 0")
    study = study.replace("space: ana", "space: anna")
    (tmp_path / "study.yaml").write_text(study)
    (tmp_path / "schedule.yaml").write_text(SCHEDULE)
    result = qsched("validate", "study.yaml", "schedule.yaml", "digits-ana", "nowhere.yaml")
    assert result.code == 2
    lines = result.err.splitlines()
    for start, part in [
        ("study.yaml: line 6: task.epohs", "did you mean `epochs`?"),
        ("study.yaml: line 3: task.epochs", "required"),
        ("study.yaml: line 11: budget.trials", "got 0"),
        ("schedule.yaml: line 5: schedule.windw", "did you mean `window`?"),
        ("schedule.yaml: line 6: schedule.window", "start <= end"),
        ("no file `nowhere.yaml`", ""),
    ]:
        [line] = [line for line in lines if line.startswith(f"error: {start}")]
        assert part in line
    assert result.out == "4 checked, 1 valid, 3 with errors\n"


def test_errors_as_json(qsched: Qsched, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(TOY.replace("space: ana", "space: anna"))
    result = qsched("validate", "study.yaml", "ede", "--json")
    assert result.code == 2
    [study, schedule] = json.loads(result.out)
    assert study["file"] == "study.yaml"
    assert "did you mean `ana`?" in study["errors"][0]
    assert schedule == {"file": "ede", "errors": []}


def test_a_plugin_makes_its_names_known(qsched: Qsched, tmp_path: Path) -> None:
    name = "a-data-set-of-the-tests"
    (tmp_path / "study.yaml").write_text(TOY.replace("name: digits", f"name: {name}"))
    assert qsched("validate", "study.yaml").code == 2
    plugin = f"from qsched.registry import DATASETS\nDATASETS.add({name!r}, lambda *_: None)\n"
    (tmp_path / "plugin.py").write_text(plugin)
    assert qsched("validate", "study.yaml", "--plugin", "plugin.py").code == 0


def test_a_broken_plugin_names_its_line(qsched: Qsched, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text("x = 1\nraise ValueError('no')\n")
    result = qsched("validate", "digits-ana", "--plugin", "plugin.py")
    assert result.code == 2
    assert "line 2 raises ValueError: no" in result.err


PLUGIN = """\
import qsched
from torch import nn



def net(*first):
    layers = nn.Linear(64, 8), nn.ReLU()
    return lambda width, classes: nn.Sequential(*first, *layers, nn.Linear(8, classes))


qsched.task("check-fits", net(nn.Flatten()))
qsched.task("check-wrong", net())
"""
STUDY = """\
format: qsched/study/1
name: own
task:
  data: {name: synthetic, train: 64, validation: 64}
  network: {name: NETWORK}
  epochs: 1
  batch_size: 16
space: ana
baselines: [ana-ste-static]
budget: {trials: 1}
"""


def test_a_model_of_a_plugin_is_computed(qsched: Qsched, tmp_path: Path) -> None:
    (tmp_path / "plug.py").write_text(PLUGIN)
    for name in ("check-fits", "check-wrong"):
        (tmp_path / f"{name}.yaml").write_text(STUDY.replace("NETWORK", name))
    result = qsched("validate", "check-fits.yaml", "check-wrong.yaml", "--plugin", "plug.py")
    assert result.code == 2
    assert "2 checked, 1 valid, 1 with errors" in result.out
    assert "the model of the network `check-wrong` must run without errors" in result.err
