"""Progress of a running study in the database: when it is written, and when it is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from qsched.errors import StorageError
from qsched.files import Document
from qsched.specs import digest
from qsched.specs.files import read_study
from qsched.storage import Storage
from qsched.study.noted import NOTE, RUNGS, noted
from qsched.study.progress import Progress, Ticker
from tests.study.toy import TOY


@pytest.fixture
def storage() -> Iterator[Storage]:
    with Storage.open("sqlite://") as storage:
        spec = read_study(Document.of(TOY))
        storage.save_study(spec, digest(spec))
        yield storage


def test_phases_and_rungs_are_written_at_once_and_the_rest_now_and_then(storage: Storage) -> None:
    now, told = 0.0, []
    tell = noted(storage, "toy", told.append, lambda: now)
    steps = [
        (0.0, Progress("baselines", done=1), 1),
        (1.9, Progress("baselines", done=2), 1),
        (2.0, Progress("baselines", done=3), 3),
        (2.1, Progress("search", done=4, best=0.5, best_arm="a"), 4),
        (2.2, Progress("watching", done=9), 4),
        (9.0, Progress("waiting", done=9), 4),
        (9.1, Progress("search", done=5), 5),
        (9.2, Progress("search", done=6, rung="8 schedules x 2 seeds"), 6),
        (9.3, Progress("search", done=7, rung="8 schedules x 2 seeds"), 6),
        (9.4, Progress("search", done=8, rung="3 schedules x 2 seeds"), 8),
    ]
    for moment, progress, done in steps:
        now = moment
        tell(progress)
        assert storage.study("toy").notes[NOTE]["done"] == done
    assert told == [progress for _, progress, _ in steps]


def test_a_study_does_not_fail_for_a_note(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("locked")

    monkeypatch.setattr(storage, "set_note", fail)
    told: list[Progress] = []
    noted(storage, "toy", told.append)(Progress("search"))
    assert len(told) == 1


def test_only_the_last_rungs_are_kept(storage: Storage) -> None:
    study = Ticker(noted(storage, "toy", lambda progress: None), 9, lambda _: 0.0)
    for number in range(300):
        study.plan(2, f"rung {number}")
    kept = storage.study("toy").notes[RUNGS]
    assert [rung["number"] for rung in kept] == list(range(45, 301))
    assert kept[-1] == {"number": 300, "phase": "baselines", "rung": "rung 299"}
