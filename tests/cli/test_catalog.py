"""ls, show, cp: bundled files."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
import yaml

from qsched.registry import DATASETS, NETWORKS
from qsched.schedules import BACKWARD_STD, FORWARD_STD, Place
from qsched.schedules.file import load_schedule
from tests.cli.conftest import Qsched
from tests.cli.test_entry import ROOT

FOLDERS = {"studies": "studies", "spaces": "search_spaces", "schedules": "search_spaces/handcoded"}


@pytest.mark.parametrize("kind", FOLDERS)
def test_ls_names_every_file_with_what_it_is_about(qsched: Qsched, kind: str) -> None:
    listed = json.loads(qsched("ls", kind, "--json").out)
    files = {path.stem: path for path in (ROOT / FOLDERS[kind]).glob("*.yaml")}
    for beside in ("claims", "heuristics"):
        files.pop(beside, None)  # What was learned from studies is none itself.
    assert [entry["name"] for entry in listed] == sorted(files)
    for entry in listed:
        about = yaml.safe_load(files[entry["name"]].read_text())["about"]
        assert entry == {"kind": kind, "name": entry["name"], "about": about}
        assert about


def test_ls_lists_all_kinds_and_the_names_of_tasks(qsched: Qsched) -> None:
    out = qsched("ls").out
    for word in (*FOLDERS, "tasks", "digits-ana", "ana-reverse", "inq"):
        assert f"\n{word} " in f"\n{out}"
    tasks = json.loads(qsched("ls", "tasks", "--json").out)
    assert {entry["name"] for entry in tasks} == {*DATASETS.names(), *NETWORKS.names()}


def test_show_completes_a_study(qsched: Qsched) -> None:
    shown = json.loads(qsched("show", "digits-ana", "--json").out)
    assert shown["name"] == "digits-ana"
    assert shown["task"]["optimizer"]["betas"] == [0.9, 0.999]
    assert yaml.safe_load(qsched("show", "digits-ana").out) == shown


def test_show_a_space(qsched: Qsched) -> None:
    assert "learning_rate" in json.loads(qsched("show", "ana", "--json").out)["parameters"]


def test_show_a_schedule_tabulates_its_controls(qsched: Qsched) -> None:
    name = "ana-cvpr-partition-homogeneous-static"
    rows = [line.split() for line in qsched("show", name).out.splitlines()]
    values = load_schedule(name).schedule.at(0.2, [Place("weights", 0.25)])[0]
    for words, control in (("weights std", FORWARD_STD), ("weights backward std", BACKWARD_STD)):
        label = [*words.split(), "0.25"]
        [row] = [row for row in rows if row[: len(label)] == label]
        shown = row[len(label) :]
        assert len(shown) == 11
        assert shown[2] == (f"{values[control]:.2f}" if values[control] else ".")


def test_show_says_once_what_holds_at_all_depths(qsched: Qsched) -> None:
    rows = [line.split() for line in qsched("show", "ana-ste-static").out.splitlines()]
    labels = [row[:4] for row in rows if row[:1] == ["weights"]]
    assert labels == [["weights", "backward", "std", "all"]]


def test_show_an_unknown_name_suggests_the_nearest(qsched: Qsched) -> None:
    result = qsched("show", "digits-anna")
    assert result.code == 2
    assert result.err == (
        "error: unknown study, space or schedule `digits-anna`; did you mean `digits-ana`?\n"
    )


def test_show_a_file_without_format(qsched: Qsched, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("a: 1\n")
    result = qsched("show", "odd.yaml")
    assert result.code == 2
    assert "format: qsched/study/1" in result.err
    assert "no `format`" in result.err


def test_cp_renames_a_study_after_its_file(qsched: Qsched, tmp_path: Path) -> None:
    assert qsched("cp", "digits-ana", "mine.yaml").out == "mine.yaml\n"
    source = yaml.safe_load((ROOT / "studies/digits-ana.yaml").read_text())
    copied = yaml.safe_load((tmp_path / "mine.yaml").read_text())
    assert copied == source | {"name": "mine"}
    assert qsched("validate", "mine.yaml").code == 0


def test_cp_into_a_folder_copies_a_schedule_exactly(qsched: Qsched, tmp_path: Path) -> None:
    assert qsched("cp", "ana-reverse", tmp_path).code == 0
    source = ROOT / "search_spaces/handcoded/ana-reverse.yaml"
    assert (tmp_path / "ana-reverse.yaml").read_bytes() == source.read_bytes()


def test_cp_replaces_nothing_without_force(qsched: Qsched, tmp_path: Path) -> None:
    target = tmp_path / "mine.yaml"
    target.write_text("precious")
    result = qsched("cp", "digits-ana", target)
    assert result.code == 2
    assert "--force" in result.err
    assert target.read_text() == "precious"
    assert qsched("cp", "digits-ana", target, "--force").code == 0
    assert target.read_text() != "precious"


def test_cp_to_a_folder_that_is_not_there(qsched: Qsched) -> None:
    result = qsched("cp", "digits-ana", "nowhere/mine.yaml")
    assert result.code == 2
    assert "there is no folder `nowhere`" in result.err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_cp_on_a_bad_disk_leaves_nothing(
    qsched: Qsched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def replace(*paths: object) -> None:
        raise OSError(number, "bad disk", str(paths[-1]))

    monkeypatch.setattr("os.replace", replace)
    result = qsched("cp", "digits-ana", "mine.yaml")
    assert result.code == 1
    assert result.err.startswith("error: mine.yaml: bad disk; ")
    assert list(tmp_path.iterdir()) == []
