"""Exported schedule files: read back, they are the schedule that the study scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from qsched.errors import InputError, UnknownNameError
from qsched.execution import Answers, Cohort, Inline
from qsched.execution.board import Board, Rank, in_order
from qsched.schedules.file import dump, load_schedule
from qsched.specs import Run, RunResult, digest
from qsched.storage import Storage
from qsched.study import Verdict, export, run_study
from tests.study import surrogate
from tests.study.test_loop import SPEC


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Storage, Verdict]]:
    storage = Storage.open(f"sqlite:///{tmp_path_factory.mktemp('export')}/study.db")
    with Inline(surrogate.train) as executor:
        verdict = run_study(SPEC, storage, executor, lambda progress: None)
    yield storage, verdict
    storage.close()


def test_the_found_schedule_survives_its_file(
    finished: tuple[Storage, Verdict], tmp_path: Path
) -> None:
    storage, verdict = finished
    path = tmp_path / "found.yaml"
    path.write_text(dump(export(storage, "toy")))
    file, found = load_schedule(path), verdict.arms[0]
    assert file.schedule == found.schedule
    assert file.expected is not None
    assert file.expected.mean == pytest.approx(np.mean(found.accuracies))
    assert file.expected.interval == pytest.approx(found.interval)
    assert (file.expected.split, file.expected.seeds) == ("test", 8)
    assert file.provenance is not None
    assert file.provenance.seeds == verdict.seeds
    assert file.provenance.study_sha256 == digest(SPEC)
    assert file.task == SPEC.task.model_dump(mode="json", exclude_none=True)


def test_any_arm_of_the_search_can_be_exported(finished: tuple[Storage, Verdict]) -> None:
    storage, verdict = finished
    others = {row.arm for row in storage.runs("toy", "search")} - {a.arm for a in verdict.arms}
    arm = min(others - {"full-precision"})
    file = export(storage, "toy", arm)
    scores = [
        row.result.accuracy or 0.0
        for row in storage.runs("toy", "search")
        if row.run.schedule == file.schedule
    ]
    assert file.expected is not None
    assert file.expected.split == "validation"
    assert file.expected.mean == pytest.approx(np.mean(scores))


def test_the_file_says_what_trained_and_does_not_depend_on_who_ended_first(
    tmp_path: Path,
) -> None:
    def train(runs: Sequence[Run]) -> list[RunResult]:
        versions = {"torch": "2.13.0", "engine": "native-lanes", "lanes": str(len(runs))}
        return [r.model_copy(update={"versions": versions}) for r in surrogate.train(runs)]

    class Backwards(Inline):
        """Trains the last cohort first."""

        def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
            board = Board(cohorts, 0, lambda index: len(cohorts) - index)
            while (index := board.next()) is not None:
                yield [(index, train(cohorts[index]))]

    texts = []
    for number, executor in enumerate((Inline(train), Backwards(train))):
        with Storage.open(f"sqlite:///{tmp_path}/{number}.db") as storage, executor:
            run_study(SPEC, storage, executor, lambda progress: None)
            files = [export(storage, "toy", arm) for arm in (None, "ana-ste-static")]
        for file in files:
            assert file.provenance is not None
            assert file.provenance.versions["torch"] == "2.13.0"
            assert file.provenance.versions["engine"] == "native-lanes"
            assert file.provenance.versions["optuna"]
            assert list(file.provenance.seeds) == sorted(file.provenance.seeds)
        when = {"created": None}
        texts.append(
            [
                file.model_copy(update={"provenance": file.provenance.model_copy(update=when)})
                for file in files
                if file.provenance
            ]
        )
    assert texts[0] == texts[1]


def test_an_unknown_arm_suggests_the_nearest(finished: tuple[Storage, Verdict]) -> None:
    with pytest.raises(UnknownNameError, match="did you mean `ana-ste-static`"):
        export(finished[0], "toy", "ana-ste-statik")


def test_an_unfinished_study_has_found_nothing_yet(tmp_path: Path) -> None:
    with Storage.open(f"sqlite:///{tmp_path}/study.db") as storage:
        storage.save_study(SPEC, digest(SPEC))
        with pytest.raises(InputError, match="must be finished"):
            export(storage, "toy")
