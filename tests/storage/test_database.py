"""What is stored comes back, once, and all of it or nothing."""

import math
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from qsched.errors import InputError, StorageError, UnknownNameError
from qsched.specs import SEED_LIMIT, Run, digest
from qsched.storage import RunRow, Storage
from tests.storage.samples import SPEC, TASK, make_row

FAILED = {"status": "failed", "accuracy": None, "loss": None, "curve": (), "reason": "loss: NaN"}


def test_runs_come_back_equal_in_their_order(storage: Storage, url: str) -> None:
    rows = [
        make_row(7, arm=1),
        make_row(3),
        make_row(3, arm=1, **FAILED),
        make_row(0, phase="selection"),
        # The largest seed that a study may have, times the seeds that each study has.
        make_row(SEED_LIMIT * 300_000 + 5, phase="report", versions={}),
    ]
    storage.add_runs("t", rows)
    storage.close()
    with Storage.open(url, create=False) as reopened:
        assert reopened.runs("t") == rows
        assert reopened.runs("t", phase="search") == rows[:3]
        assert reopened.runs("t", "report") == rows[4:]
        assert [row.run.key for row in reopened.runs("t")] == [row.result.key for row in rows]


def test_a_stored_run_is_left_as_it_is(storage: Storage) -> None:
    first, again, new = make_row(1), make_row(1, accuracy=0.5), make_row(2)
    storage.add_runs("t", [first])
    storage.add_runs("t", [again, new, new])
    assert storage.runs("t") == [first, new]


def test_studies_do_not_share_runs(storage: Storage) -> None:
    other = SPEC.model_copy(update={"name": "other", "about": "another one"})
    storage.save_study(other, digest(other))
    storage.add_runs("t", [make_row(1), make_row(2)])
    storage.add_runs("other", [make_row(2, accuracy=0.25)])
    assert [row.result.accuracy for row in storage.runs("other")] == [0.25]
    assert storage.runs("t") == [make_row(1), make_row(2)]
    assert [row.name for row in storage.studies()] == ["t", "other"]


def test_no_runs(storage: Storage) -> None:
    storage.add_runs("t", [])
    assert storage.runs("t") == []


def test_all_runs_of_a_call_or_none(storage: Storage) -> None:
    unstorable = RunRow("a", None, make_row(2).run, make_row(2).result)  # type: ignore[arg-type]
    with pytest.raises(StorageError, match=r"(?i)phase.*not[- ]null|not[- ]null.*phase"):
        storage.add_runs("t", [make_row(1), unstorable])
    assert storage.runs("t") == []
    with storage.optuna.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM qsched_schedules")) == 0


def test_runs_of_another_task_are_refused(storage: Storage) -> None:
    row = make_row(1)
    longer = Run(**{**dict(row.run), "task": TASK.model_copy(update={"epochs": 11})})
    with pytest.raises(ValueError, match="must be of its task"):
        storage.add_runs("t", [RunRow("a", "search", longer, row.result)])


def test_reading_takes_as_many_queries_for_many_runs_as_for_one(storage: Storage) -> None:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    counts = []
    for seeds in (range(1), range(1, 50)):
        storage.add_runs("t", [make_row(seed, arm=seed % 2) for seed in seeds])
        statements.clear()
        event.listen(Engine, "before_cursor_execute", note)
        storage.runs("t")
        event.remove(Engine, "before_cursor_execute", note)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 3


def test_a_writer_writes_what_is_new(storage: Storage) -> None:
    """Runs and schedules as if each had come alone; a known schedule is not sent again."""
    writer = storage.run_writer("t")
    writer.append([make_row(1, arm=0), make_row(1, arm=1)])
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    writer.append([make_row(2, arm=0), make_row(3, arm=1)])
    writer.append([make_row(2, arm=0, accuracy=0.5)])
    event.remove(Engine, "before_cursor_execute", note)
    sent = [each.split()[2] for each in statements if each.startswith("INSERT")]
    assert sent == ["qsched_runs", "qsched_runs"]
    expected = [make_row(1, arm=0), make_row(1, arm=1), make_row(2, arm=0), make_row(3, arm=1)]
    assert storage.runs("t") == expected


def test_a_writer_sends_a_schedule_again_whose_runs_were_not_stored(storage: Storage) -> None:
    writer = storage.run_writer("t")
    unstorable = RunRow("a", None, make_row(2).run, make_row(2).result)  # type: ignore[arg-type]
    with pytest.raises(StorageError):
        writer.append([make_row(1), unstorable])
    writer.append([make_row(1)])
    assert storage.runs("t") == [make_row(1)]


def test_a_study_comes_back(storage: Storage) -> None:
    row = storage.study("t")
    assert (row.spec, row.sha256, row.state, row.verdict, row.notes) == (
        SPEC,
        digest(SPEC),
        "running",
        None,
        {},
    )
    assert row.created == row.updated
    assert abs((datetime.now(UTC) - row.created).total_seconds()) < 60
    assert row.versions["qsched"]
    assert storage.studies() == [row]


def test_state_verdict_and_notes(storage: Storage) -> None:
    created = storage.study("t").created
    storage.set_verdict("t", {"sentence": "no significant difference", "level": 0.95})
    storage.set_note("t", "batches", [1, 2])
    storage.set_note("t", "rungs", {"0.5": 0.71})
    storage.set_note("t", "batches", [1, 2, 3])
    row = storage.study("t")
    assert row.state == "finished"
    assert row.verdict == {"sentence": "no significant difference", "level": 0.95}
    assert row.notes == {"batches": [1, 2, 3], "rungs": {"0.5": 0.71}}
    assert row.created == created < row.updated


def test_only_the_owner_sets_its_own_state(storage: Storage) -> None:
    assert storage.leases.take("t", "me", 15.0)
    storage.set_own_state("t", "failed", "somebody")
    assert storage.study("t").state == "running"
    storage.set_own_state("t", "interrupted", "me")
    assert storage.study("t").state == "interrupted"


def test_nan_is_not_stored(storage: Storage) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.set_note("t", "mean", math.nan)
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.set_verdict("t", {"mean": math.inf})
    assert (storage.study("t").notes, storage.study("t").verdict) == ({}, None)


def test_saving_a_study_again_changes_nothing(storage: Storage) -> None:
    storage.set_state("t", "interrupted")
    before = storage.study("t")
    storage.save_study(SPEC, digest(SPEC))
    assert storage.study("t") == before


def test_another_study_of_the_same_name_is_refused(storage: Storage) -> None:
    changed = SPEC.model_copy(update={"seed": 1})
    with pytest.raises(InputError, match="another name, or use another database"):
        storage.save_study(changed, digest(changed))
    assert storage.study("t").spec == SPEC


def test_a_study_without_runs_gives_way_to_its_mended_file(storage: Storage) -> None:
    changed = SPEC.model_copy(update={"seed": 1})
    storage.set_state("t", "failed")
    storage.leases.take("t", "somebody", 60.0)
    with pytest.raises(InputError, match="another name"):
        storage.save_study(changed, digest(changed), lambda owner: owner != "somebody")
    storage.save_study(changed, digest(changed), lambda owner: owner == "somebody")
    row = storage.study("t")
    assert (row.spec, row.sha256, row.state) == (changed, digest(changed), "running")
    storage.add_runs("t", [make_row(1)])
    with pytest.raises(InputError, match="another name"):
        storage.save_study(SPEC, digest(SPEC), lambda owner: True)
    assert storage.study("t").spec == changed


@pytest.mark.parametrize(
    "call",
    [
        lambda storage: storage.study("tt"),
        lambda storage: storage.runs("tt"),
        lambda storage: storage.add_runs("tt", [make_row(1)]),
        lambda storage: storage.set_state("tt", "finished"),
        lambda storage: storage.set_verdict("tt", {}),
        lambda storage: storage.set_note("tt", "a", 1),
    ],
)
def test_an_unknown_study_suggests_the_nearest(storage: Storage, call: Any) -> None:
    with pytest.raises(UnknownNameError, match="did you mean `t`"):
        call(storage)


def test_planning_loads_neither_torch_nor_optuna() -> None:
    code = (
        "import sys, qsched.storage as s; s.Storage.open('sqlite://').studies(); "
        "print(sorted({'torch', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_study_stored_before_a_field_was_new_is_the_same_study(storage: Storage) -> None:
    """Its hash and its text lack the field; a study that differs is still refused."""
    with storage.optuna.engine.begin() as connection:
        columns = connection.execute(text("SELECT spec FROM qsched_studies")).scalar_one()
        assert ',"warm_start":"none"' in columns
        connection.execute(
            text("UPDATE qsched_studies SET sha256 = 'old', spec = :spec"),
            {"spec": columns.replace(',"warm_start":"none"', "")},
        )
    storage.save_study(SPEC, digest(SPEC))
    assert storage.study("t").sha256 == "old"
    changed = SPEC.model_copy(update={"warm_start": "portfolio"})
    with pytest.raises(InputError, match="stored with another one"):
        storage.save_study(changed, digest(changed))
