"""Bad input: a reason on one line, exit code 2 or 1, no traceback, nothing half-written."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_entry import ROOT
from tests.study.toy import TOY
from tests.tasks.published import write_idx

PROGRAM = """\
import resource, sys
limit = int(sys.argv.pop(1))
if limit:  # A disk on which no file can grow beyond this.
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
import qsched.cli.executors
from qsched.cli import main
from tests.study import surrogate
qsched.cli.executors.train = surrogate.train
sys.exit(main())
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    reasons: list[str]
    traceback: bool


def qsched(folder: Path, *args: object, limit: int = 0) -> Done:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(limit), *map(str, args)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.splitlines()
    reasons = [line for line in lines if not line.startswith("toy: ")]
    return Done(done.returncode, done.stdout, reasons, "Traceback" in done.stderr)


def refused(folder: Path, *args: object, code: int = 2) -> str:
    """Return the one reason of a command that must fail and leave the folder as it was."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = qsched(folder, *args)
    assert (done.code, done.out, done.traceback) == (code, "", False)
    [reason] = done.reasons
    assert reason.startswith("error: ")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    return reason


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("lanes: 8", "lnaes: 8", ("lnaes: unknown key", "did you mean `lanes`?")),
        ("lanes: 8", "lanes: many", ("lanes", "integer", '"many"')),
        ("lanes: 8", "lanes: 0", ("lanes", "got 0")),
        ("space: ana", "space: anna", ("space", "did you mean `ana`?")),
        ("name: mlp9", "name: mlp99", ("task.network.name", "did you mean `mlp9`?")),
        ("trials: 4", "trials: 0", ("budget.trials", "got 0")),
        ("ana-ste-static", "ana-ste", ("baselines[0]", "did you mean `ana-ste-static`?")),
        ("batch: 4}", "batch: 4, name: tp}", ("sampler.name", "did you mean `tpe`?")),
        ("budget:", "seed: 99999999999999\nbudget:", ("seed", "less than or equal to 1000000000")),
        ("report_seeds: 4", "report_seeds: 200000", ("confirmation.report_seeds", "10000")),
        ("format: qsched/study/1", "format: qsched/study/9", ("format", "qsched/study/1")),
        ("validation: 400", "validation: 4000", ("data.validation", "4,000")),
        ("name: toy", "name: toy: x", ("mapping values",)),
    ],
)
def test_study_files(tmp_path: Path, old: str, new: str, parts: tuple[str, ...]) -> None:
    assert TOY.count(old) == 1
    (tmp_path / "toy.yaml").write_text(TOY.replace(old, new))
    reason = refused(tmp_path, "run", "toy.yaml", "--workers", 1)
    if "validation" not in old:  # Whether sizes fit is not known before the data is.
        assert f"toy.yaml: line {TOY[: TOY.index(old)].count(chr(10)) + 1}: " in reason
    for part in parts:
        assert part in reason


def test_all_faults_of_a_file_at_once(tmp_path: Path) -> None:
    text = TOY.replace("lanes: 8", "lnaes: 8").replace("trials: 4", "trials: 0")
    text = text.replace("space: ana", "space: anna")
    text = text.replace("{seeds: 2}, {seeds: 4}", "{seeds: 4}, {seeds: 2}")
    text = text.replace("baselines: [", "static: {backward_std: [.inf]}\nbaselines: [")
    (tmp_path / "toy.yaml").write_text(text)
    done = qsched(tmp_path, "run", "toy.yaml")
    assert (done.code, done.traceback) == (2, False)
    places = [reason.split(": ")[3] for reason in done.reasons]
    assert places == ["space", "static.backward_std[0]", "budget.trials", "budget.rungs", "lnaes"]


def test_an_impossible_window_beside_an_unknown_key(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "format: qsched/schedule/1\nname: mine\nschedule:\n  learning_rate: {initial: 0.01}\n"
        "  window: {start: 0.9, end: 0.2, offset: 0.1}\n"
    )
    done = qsched(tmp_path, "validate", "mine.yaml")
    assert done.code == 2
    assert "start=0.9, end=0.2" in "".join(done.reasons)
    assert "window.offset: unknown key" in "".join(done.reasons)


def test_an_impossible_window(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "format: qsched/schedule/1\nname: mine\nschedule:\n"
        "  learning_rate: {initial: 0.01}\n  window: {start: 0.9, end: 0.2}\n"
    )
    reason = refused(tmp_path, "train", "mine.yaml", "--task", "digits-ana")
    assert "mine.yaml: line 5: schedule.window" in reason
    assert "start=0.9, end=0.2" in reason


def test_names_and_paths(tmp_path: Path) -> None:
    assert "did you mean `digits-ana`?" in refused(tmp_path, "run", "digits-anna")
    assert "no file `mine.yaml`" in refused(tmp_path, "run", "mine.yaml")
    assert "qsched run" in refused(tmp_path, "status")


def test_missing_and_truncated_data(tmp_path: Path) -> None:
    assert "QSCHED_DATA" in refused(tmp_path, "run", "fashion-ana")
    data = tmp_path / "data/fashion-mnist"
    data.mkdir(parents=True)
    reason = refused(tmp_path, "run", "fashion-ana", "--data", "data")
    assert "download" in reason
    for name, shape in (("images-idx3", (60000, 28, 28)), ("labels-idx1", (60000,))):
        write_idx(data / f"train-{name}-ubyte", np.zeros(shape, np.uint8))
        write_idx(data / f"t10k-{name}-ubyte", np.zeros((10000, *shape[1:]), np.uint8))
    with open(data / "train-images-idx3-ubyte", "r+b") as file:
        file.truncate(10**6)
    reason = refused(tmp_path, "run", "fashion-ana", "--data", "data")
    assert "train-images-idx3-ubyte" in reason
    assert "download" in reason


def test_a_database_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(TOY)
    connection = sqlite3.connect(tmp_path / "qsched.db")
    connection.execute("CREATE TABLE others (id INTEGER)")
    connection.commit()
    connection.close()
    reason = refused(tmp_path, "run", "toy.yaml", "--workers", 1, code=1)
    assert "qsched.db" in reason


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text(TOY)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    folder = Path("/proc") if os.geteuid() == 0 else locked  # No mode binds the superuser.
    for option, value in (("--out", folder / "out"), ("--db", f"sqlite:///{folder}/toy.db")):
        refused(tmp_path, "run", "toy.yaml", "--workers", 1, option, value, code=1)
    refused(tmp_path, "cp", "digits-ana", folder / "mine.yaml", code=1)


@pytest.mark.parametrize("limit", [120_000, 1_000_000])
def test_a_full_disk_loses_nothing_that_finished(tmp_path: Path, limit: int) -> None:
    (tmp_path / "toy.yaml").write_text(TOY)
    done = qsched(tmp_path, "run", "toy.yaml", "--workers", 1, limit=limit)
    assert (done.code == 1, done.out, done.traceback) == (True, "", False)
    [reason] = done.reasons
    assert reason.startswith("error: ")
    assert not list(tmp_path.glob("qsched-out/toy/*"))
    again = qsched(tmp_path, "run", "toy.yaml", "--workers", 1, "--json")
    assert again.code == 0
    assert json.loads(again.out)["verdict"]["trials"] == 4
