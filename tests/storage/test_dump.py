"""A dump holds everything, and comes back as it was, in a database of either kind."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial
from optuna_dashboard import save_note
from pyarrow import parquet

from qsched.errors import InputError, UnknownNameError
from qsched.specs import digest
from qsched.storage import Storage
from qsched.storage.dump import Counts, dump, read_package, restore, write_package
from tests.storage.samples import SPEC, TASK, make_row

FAILED = {"status": "failed", "accuracy": None, "loss": None, "curve": (), "reason": "loss: NaN"}


@pytest.fixture
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """A database of the other kind than ``storage``, with a study and a trial of its own."""
    to_file = "postgresql" in request.node.callspec.params["url"]
    url = (
        f"sqlite:///{tmp_path / 'other.db'}"
        if to_file
        else request.getfixturevalue("postgres_url")
    )
    with Storage.open(url) as opened:
        spec = SPEC.model_copy(update={"name": "elsewhere"})
        opened.save_study(spec, digest(spec))
        opened.add_runs("elsewhere", [make_row(1)])
        study = optuna.create_study(storage=opened.optuna, study_name="elsewhere")
        study.add_trial(create_trial(value=1.0))
        yield opened


@pytest.fixture
def full(storage: Storage) -> Storage:
    """A database with whatever a study may hold."""
    rows = [
        make_row(7, arm=1),
        make_row(3),
        make_row(3, arm=1, **FAILED),
        make_row(0, 0, "report"),
    ]
    storage.add_runs("t", rows)
    storage.set_verdict("t", {"sentence": "é", "p": 1e-300})
    storage.set_note("t", "progress", {"done": 3})
    study = optuna.create_study(
        storage=storage.optuna, study_name="t", directions=["maximize", "minimize"]
    )
    study.set_user_attr("text", "é")
    study.set_user_attr("nan", float("nan"))
    odd = {
        "choice": CategoricalDistribution([None, True, 1.5, "x"]),
        "n": IntDistribution(1, 9, log=True),
        "x": FloatDistribution(0.1, 0.9, step=0.1),
    }
    study.add_trial(
        create_trial(
            state=TrialState.COMPLETE,
            values=[0.1 + 0.2, float("inf")],
            params={"choice": 1.5, "n": 3, "x": 0.30000000000000004},
            distributions=odd,
            intermediate_values={0: float("nan"), 3: float("-inf"), 7: 0.1},
            user_attrs={"list": [1, None, {"a": 2.5}]},
            system_attrs={"rule": {"x": [1, 2]}},
        )
    )
    study.add_trial(create_trial(state=TrialState.FAIL))
    running = study.ask({"y": FloatDistribution(1e-5, 1.0, log=True)})
    study.enqueue_trial({"y": 0.25})
    save_note(running, "a note")
    optuna.create_study(storage=storage.optuna, study_name="only Optuna's")
    return storage


def everything(storage: Storage, name: str) -> dict[str, Any]:
    """Return what a database says of a study, without the ids that it gave."""
    study = optuna.load_study(study_name=name, storage=storage.optuna)
    return {
        "study": storage.study(name),
        "runs": storage.runs(name),
        "directions": study.directions,
        "attributes": repr(sorted(study.user_attrs.items())),
        "trials": [repr({**vars(t), "_trial_id": 0}) for t in study.get_trials(deepcopy=False)],
    }


def test_everything_comes_back_in_a_database_of_the_other_kind(
    full: Storage, other: Storage
) -> None:
    before = everything(other, "elsewhere")
    files, counts = dump(full)
    assert counts == Counts(studies=1, schedules=2, runs=4, trials=4)
    assert restore(other, files) == counts
    assert everything(other, "t") == everything(full, "t")
    assert everything(other, "elsewhere") == before
    assert "only Optuna's" in optuna.get_all_study_names(other.optuna)


def test_notes_follow_their_trials(full: Storage, other: Storage) -> None:
    restore(other, dump(full)[0])
    number = other.optuna.get_study_id_from_name("t")
    trial = other.optuna.get_trial_id_from_study_id_trial_number(number, 2)
    assert trial != full.optuna.get_trial_id_from_study_id_trial_number(1, 2)
    notes = other.optuna.get_study_system_attrs(number)
    assert notes[f"dashboard:{trial}:note_str:0"] == "a note"


def test_a_dump_of_a_copy_is_the_same_dump(full: Storage, tmp_path: Path) -> None:
    files, _ = dump(full)
    with Storage.open(f"sqlite:///{tmp_path / 'copy.db'}") as copy:
        restore(copy, files)
        again, _ = dump(copy)
    assert again.keys() == files.keys()
    for name in files:
        assert without_ids(name, again[name]) == without_ids(name, files[name])


def without_ids(name: str, content: bytes) -> object:
    if name != "trials.json":
        return content
    studies = json.loads(content)
    return repr(
        [
            {key: value for key, value in study.items() if key not in ("ids", "system_attrs")}
            for study in studies
        ]
    )


def test_studies_go_on_after_the_move(full: Storage, other: Storage) -> None:
    restore(other, dump(full)[0])
    other.add_runs("t", [make_row(8)])
    study = optuna.load_study(study_name="t", storage=other.optuna)
    study.tell(study.ask().number, [1.0, 2.0])
    assert len(other.runs("t")) == 5
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
    assert study.trials[3].params == {}
    assert study.trials[3].values == [1.0, 2.0]


def test_a_study_of_the_same_name_is_refused_and_nothing_is_added(
    full: Storage, other: Storage
) -> None:
    spec = SPEC.model_copy(update={"name": "also"})
    full.save_study(spec, digest(spec))
    other.save_study(SPEC, digest(SPEC))
    files, _ = dump(full)
    with pytest.raises(InputError, match=r"has t; use another database, or export single"):
        restore(other, files)
    assert [row.name for row in other.studies()] == ["elsewhere", "t"]
    assert other.runs("t") == []
    restore(other, dump(full, ["also"])[0])
    assert [row.name for row in other.studies()] == ["elsewhere", "t", "also"]


def test_a_study_that_only_optuna_knows_is_refused_too(full: Storage, other: Storage) -> None:
    optuna.create_study(storage=other.optuna, study_name="only Optuna's")
    with pytest.raises(InputError, match="has only Optuna's"):
        restore(other, dump(full)[0])


def test_a_failure_in_the_middle_adds_nothing(
    full: Storage, other: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("qsched.storage.dump.move.add_optuna_study", fail)
    with pytest.raises(RuntimeError):
        restore(other, dump(full)[0])
    assert [row.name for row in other.studies()] == ["elsewhere"]


def test_single_studies(full: Storage) -> None:
    spec = SPEC.model_copy(update={"name": "also"})
    full.save_study(spec, digest(spec))
    assert dump(full, ["also"])[1] == Counts(studies=1, schedules=0, runs=0, trials=0)
    assert dump(full, ["t"])[1] == Counts(studies=1, schedules=2, runs=4, trials=4)
    with pytest.raises(UnknownNameError, match="did you mean `also`"):
        dump(full, ["alsoo"])


def test_runs_can_be_read_without_qsched(full: Storage) -> None:
    files, _ = dump(full)
    rows = parquet.read_table(io.BytesIO(files["runs.parquet"])).to_pylist()
    first = make_row(7, arm=1)
    assert rows[0]["study"] == "t"
    assert rows[0]["accuracy"] == first.result.accuracy
    assert rows[0]["curve"] == [dict(point) for point in first.result.curve]
    [study] = json.loads(files["studies.json"])
    assert study["spec"]["task"] == TASK.model_dump(mode="json")
    schedules = json.loads(files["schedules.json"])
    assert schedules[rows[0]["schedule"]] == first.run.schedule.model_dump(mode="json")


FILES = {"a.json": b"{}", "b.parquet": bytes(range(256))}


@pytest.mark.parametrize("name", ["dump", "dump.zip"])
def test_packages_come_back(tmp_path: Path, name: str) -> None:
    write_package(tmp_path / name, FILES, {"schema": "v0.2.0"})
    assert read_package(tmp_path / name) == FILES
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(InputError, match="exists; name another one"):
        write_package(tmp_path / name, FILES, {})


def test_what_is_missing_or_changed_in_a_package_is_told_at_once(tmp_path: Path) -> None:
    write_package(tmp_path / "dump", FILES, {})
    (tmp_path / "dump" / "a.json").unlink()
    (tmp_path / "dump" / "b.parquet").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        read_package(tmp_path / "dump")
    assert "a.json is missing, b.parquet is not what was written" in str(caught.value)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (None, "it holds no dump.json"),
        ("[]", "is no list of files"),
        ('{"format": "qsched/dump/2", "sha256": {}}', "its format is qsched/dump/2"),
        ('{"format": "qsched/dump/1", "sha256": {"../x": ""}}', "files of other folders"),
    ],
)
def test_what_is_no_package(tmp_path: Path, manifest: str | None, reason: str) -> None:
    with zipfile.ZipFile(tmp_path / "dump.zip", "w") as archive:
        if manifest is not None:
            archive.writestr("dump.json", manifest)
    with pytest.raises(InputError, match=reason):
        read_package(tmp_path / "dump.zip")


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "dump.zip").write_text("accuracy,loss\n")
    with pytest.raises(InputError, match="not a zip file"):
        read_package(tmp_path / "dump.zip")


def test_a_package_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_package(tmp_path / "dump", {"nosuch/a.json": b""}, {})
    assert list(tmp_path.iterdir()) == []
