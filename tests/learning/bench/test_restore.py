"""Files and database hold the same runs: what is imported is exported again, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from qsched.errors import DataError, InputError
from qsched.learning.bench.export import export_bench
from qsched.learning.bench.restore import restore
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
