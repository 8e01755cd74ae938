"""Files and database hold the same runs: what is imported is exported again, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qsched.errors import DataError, InputError
from qsched.learning import load_bench
from qsched.learning.bench.export import export_bench
from qsched.learning.bench.generate import ARMS_NOTE
from qsched.learning.bench.plans import BenchArm
from qsched.learning.bench.restore import restore
from qsched.schedules import Window
from qsched.storage import Storage
from tests.learning.bench.test_generate import BENCH, NAMES, Trainer, generate, plans

FILES = ("tasks", "arms", "runs", "tests")


def opened(folder: Path, name: str) -> Storage:
    return Storage.open(f"sqlite:///{folder / name}.db")


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / f"{name}.parquet").read_bytes() for name in FILES}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    with opened(tmp_path, "first") as storage:
        generate(storage, Trainer(), plans(), NAMES[:2])
        export_bench(BENCH, storage, tmp_path / "files")
    return tmp_path / "files"


def test_an_import_exports_the_same_files(exported: Path, tmp_path: Path) -> None:
    before = content(exported)
    with opened(tmp_path, "second") as storage:
        count = restore(BENCH, storage, exported)
        assert count == sum(len(storage.runs(name)) for name in NAMES[:2])
        assert restore(BENCH, storage, exported) == count  # Again: nothing is doubled.
        export_bench(BENCH, storage, tmp_path / "again")
    assert content(tmp_path / "again") == before


def test_training_goes_on_from_an_import(exported: Path, tmp_path: Path) -> None:
    trainer = Trainer()
    with opened(tmp_path, "second") as storage:
        restore(BENCH, storage, exported)
        generate(storage, trainer, plans(), NAMES[:2])
        assert trainer.runs == []
        generate(storage, trainer, plans(), NAMES[:3])
        assert {run.task.data.name for run in trainer.runs} == {"cifar10"}
        export_bench(BENCH, storage, exported)


def test_what_an_arm_was_made_for_is_kept(exported: Path, tmp_path: Path) -> None:
    [plan] = [plan for plan in plans() if plan.arm.name == "ana-ste-static"]
    arm = replace(plan.arm, name="way", kind="ablation", index=3, left_out="wine", group="a task")
    halved = arm.schedule.model_copy(update={"window": Window(end=0.5)})
    with opened(tmp_path, "second") as storage:
        restore(BENCH, storage, exported)
        made = replace(plan, arm=replace(arm, schedule=halved), group="")
        generate(storage, Trainer(), [made], NAMES[:1])
        export_bench(BENCH, storage, exported)
    with opened(tmp_path, "third") as storage:
        restore(BENCH, storage, exported)
        export_bench(BENCH, storage, tmp_path / "again")
    arms = load_bench(tmp_path / "again").arms
    found = BenchArm.known(arms, "way", arms.arm("way"))
    assert found.note() == ["ana", "ablation", 3, "wine", "a task"]
    assert found.schedule.window == Window(end=0.5)


def test_notes_of_an_older_version_are_refused(exported: Path, tmp_path: Path) -> None:
    with opened(tmp_path, "second") as storage:
        restore(BENCH, storage, exported)
        for task in NAMES[:2]:
            noted = storage.study(task).notes[ARMS_NOTE]
            older = {name: note[:2] for name, note in noted.items()}
            storage.set_note(task, ARMS_NOTE, older)
        with pytest.raises(DataError, match="must note 5 things of every arm, but notes 2 of"):
            export_bench(BENCH, storage, tmp_path / "again")


def test_an_export_never_loses_what_it_replaces(exported: Path, tmp_path: Path) -> None:
    before = content(exported)
    with opened(tmp_path, "second") as storage:
        generate(storage, Trainer(), plans(), NAMES[:1])
        with pytest.raises(InputError, match="--import"):
            export_bench(BENCH, storage, exported)
    assert content(exported) == before


def test_files_of_other_schedules_are_refused(exported: Path, tmp_path: Path) -> None:
    other = BENCH.model_copy(
        update={"data": {k: d.model_copy(update={"long": 99, "short": 11})
                         for k, d in BENCH.data.items()}}
    )  # fmt: skip
    with opened(tmp_path, "second") as storage, pytest.raises(DataError, match="must follow"):
        restore(other, storage, exported)
