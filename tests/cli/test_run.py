"""run, status, report, export, train, compare: a toy study from file to schedule and back."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest
import yaml

from qsched.cli import main
from qsched.cli.options import DATABASE
from qsched.errors import InputError
from qsched.schedules.file import load_schedule
from qsched.specs import MOST_SEEDS, SEED_LIMIT, Run, RunResult, digest
from qsched.storage import DEFAULT_URL, Storage
from qsched.study.seeds import pool
from qsched.study.statistics import paired
from tests.cli.conftest import Qsched
from tests.study import surrogate
from tests.study.toy import TOY

LOCAL = ("--workers", 1)


@pytest.mark.parametrize("engine", ["torch", "auto"])
def test_the_engine_reaches_what_trains(
    qsched: Qsched, toy: Path, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    seen = set()

    def train(runs: Sequence[Run]) -> list[RunResult]:
        seen.add(os.environ["QSCHED_ENGINE"])
        return surrogate.train(runs)

    monkeypatch.setattr("qsched.cli.executors.train", train)
    assert qsched("run", toy, *LOCAL, "--engine", engine).code == 0
    assert seen == {engine}


def test_an_unknown_engine(qsched: Qsched, toy: Path) -> None:
    result = qsched("run", toy, "--engine", "jax")
    assert result.code == 2
    assert "is not one of 'auto', 'torch', 'native'" in result.err


def test_the_default_database_is_that_of_storage() -> None:
    assert DATABASE == DEFAULT_URL


@dataclass(frozen=True)
class Finished:
    """What ``qsched run`` left behind: its output and its files."""

    code: int
    out: str
    err: str
    folder: Path


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The toy study, run to its end once for all tests."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "toy.yaml").write_text(TOY)
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setenv("QSCHED_ENGINE", "auto")
        patch.setattr("qsched.cli.executors.train", surrogate.train)
        code = main(["run", "toy.yaml", "--workers", "1"])
    return Finished(code, out.getvalue(), err.getvalue(), folder)


@pytest.fixture
def finished(qsched: Qsched, toy: Path, once: Finished, tmp_path: Path) -> Qsched:
    """The current folder as ``qsched run`` left it."""
    shutil.copytree(once.folder, tmp_path, dirs_exist_ok=True)
    return qsched


def test_run_prints_the_verdict_and_where_its_results_lie(
    finished: Qsched, once: Finished, tmp_path: Path
) -> None:
    result, qsched = once, finished
    assert result.code == 0
    verdict = json.loads(qsched("status", "toy", "--json").out)["verdict"]
    assert verdict["sentence"] in result.out
    for arm in verdict["arms"]:
        assert f"{100 * arm['mean']:.1f} %" in result.out
    assert (tmp_path / "qsched-out/toy/report.html").is_file()
    assert load_schedule(tmp_path / "qsched-out/toy/schedule.yaml").expected is not None
    assert "report    qsched-out/toy/report.html" in result.out
    assert "schedule  qsched-out/toy/schedule.yaml" in result.out
    assert result.err.startswith("toy: baselines")


def test_run_with_other_trials_seed_and_name(qsched: Qsched, toy: Path, tmp_path: Path) -> None:
    options = ("--trials", 2, "--seed", 3, "--name", "other", "--out", tmp_path / "out")
    data = json.loads(qsched("run", toy, *LOCAL, *options, "--json").out)
    verdict = json.loads(qsched("status", "other", "--json").out)["verdict"]
    assert data["verdict"] == verdict
    assert (verdict["trials"], verdict["seeds"]) == (2, list(pool("report", 3, 4)))
    assert data["schedule"] == str(tmp_path / "out/schedule.yaml")


def test_a_finished_study_is_not_trained_again(
    finished: Qsched, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(runs: Sequence[Run]) -> NoReturn:
        raise AssertionError("trained again")

    monkeypatch.setattr("qsched.cli.executors.train", train)
    assert finished("run", toy, *LOCAL).code == 0


def test_a_changed_study_of_the_same_name_is_refused(finished: Qsched, toy: Path) -> None:
    result = finished("run", toy, *LOCAL, "--trials", 5)
    assert result.code == 2
    assert "another name" in result.err


OVERRIDE = """\
format: qsched/schedule/1
name: mine
schedule:
  learning_rate: {initial: 0.01}
  overrides:
    - {pattern: conv.*, exclude: true}
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("validation: 400}", "validation: 400, pool: 2}", "MaxPool needs larger images"),
        ("batch_size: 32", "batch_size: 4000", "must not exceed the 960 training examples"),
        ("[ana-ste-static", "[mine.yaml, ana-ste-static", "mine.yaml: line 6: schedule.overrides"),
    ],
)
def test_a_mistake_leaves_the_name_to_the_mended_file(
    qsched: Qsched, toy: Path, tmp_path: Path, old: str, new: str, reason: str
) -> None:
    text = TOY.replace("{name: mlp9, width: 16}", "{name: vgg8, width: 2}")
    good = text.replace("validation: 400}", "validation: 400, train: 960}")
    old = old.replace("400}", "400, train: 960}")
    new = new.replace("400,", "400, train: 960,")
    toy.write_text(good.replace(old, new))
    (tmp_path / "mine.yaml").write_text(OVERRIDE.replace("conv", "dense"))
    result = qsched("run", toy, *LOCAL)
    assert (result.code, result.out) == (2, "")
    assert reason in result.err
    assert len(result.err.splitlines()) == 1
    assert not list(tmp_path.glob("qsched*"))
    toy.write_text(good)
    assert qsched("run", toy, *LOCAL).code == 0


def test_faults_of_all_baselines_at_once(qsched: Qsched, toy: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(OVERRIDE)
    toy.write_text(TOY.replace("[ana-ste-static", "[one.yaml, two.yaml, ana-ste-static"))
    lines = qsched("run", toy, *LOCAL).err.splitlines()
    assert [line.split(": line 6")[0] for line in lines] == ["error: one.yaml", "error: two.yaml"]
    for command in (("train", "one.yaml"), ("compare", "one.yaml", "ede")):
        result = qsched(*command, "--task", "digits-ana", *LOCAL)
        assert (result.code, "one.yaml: line 6" in result.err) == (2, True)
        assert "`linear1`" in result.err


def test_a_study_that_failed_before_its_first_run_gives_way(
    qsched: Qsched, toy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def train(runs: Sequence[Run]) -> NoReturn:
        raise InputError("this cannot be trained")

    with monkeypatch.context() as patch:
        patch.setattr("qsched.cli.executors.train", train)
        assert qsched("run", toy, *LOCAL).code == 2
        assert not (tmp_path / "qsched-out").exists()
    toy.write_text(TOY.replace("trials: 4", "trials: 3"))
    assert qsched("run", toy, *LOCAL).code == 0
    assert json.loads(qsched("status", "toy", "--json").out)["trials"] == 3


def test_a_refused_run_leaves_no_folder(finished: Qsched, toy: Path, tmp_path: Path) -> None:
    result = finished("run", toy, *LOCAL, "--trials", 5, "--out", tmp_path / "new/er")
    assert result.code == 2
    assert not (tmp_path / "new").exists()


def test_a_stored_study_goes_on_by_its_name(
    qsched: Qsched, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(runs: Sequence[Run]) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("qsched.cli.executors.train", train)
        assert qsched("run", toy, *LOCAL, "--seed", 5, "--name", "other").code == 130
    toy.unlink()
    assert "`qsched run other` goes on" in qsched("status", "other").out
    assert qsched("run", "other", *LOCAL).code == 0
    assert json.loads(qsched("status", "other", "--json").out)["verdict"]["seeds"][0] == 1_700_000
    wrong = qsched("run", "othr")
    assert (wrong.code, "did you mean `other`?" in wrong.err) == (2, True)


def test_how_an_interrupted_bundled_study_goes_on(
    qsched: Qsched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(runs: Sequence[Run]) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("qsched.cli.executors.train", train)
    database = ("--db", "sqlite:///other.db")
    assert qsched("run", "digits-control", "--trials", 3, *LOCAL, *database).code == 130
    said = qsched("status", "digits-control", *database).out
    assert "`qsched run digits-control --trials 3 --db sqlite:///other.db` goes on" in said


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(qsched: Qsched, toy: Path, url: str) -> None:
    for arguments in (("run", toy), ("status",)):
        result = qsched(*arguments, "--db", url)
        assert (result.code, "is in memory; name a file" in result.err) == (2, True)


def test_bounds_of_seeds_are_those_of_study_files(qsched: Qsched, toy: Path) -> None:
    for arguments, limit in (
        (("run", toy, "--seed"), SEED_LIMIT),
        (("train", "ede", "--task", toy, "--seeds"), MOST_SEEDS),
        (("compare", "ede", "ede", "--task", toy, "--seeds"), MOST_SEEDS),
    ):
        result = qsched(*arguments, limit + 1)
        assert (result.code, f" {limit} " in result.err) == (2, True)


def test_interrupted_and_resumed(
    qsched: Qsched, toy: Path, once: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    cohorts = 0

    def train(runs: Sequence[Run]) -> list[RunResult]:
        nonlocal cohorts
        cohorts += 1
        if cohorts == 6:
            raise KeyboardInterrupt
        return surrogate.train(runs)

    monkeypatch.setattr("qsched.cli.executors.train", train)
    result = qsched("run", toy, *LOCAL)
    assert (result.code, result.out) == (130, "")
    assert result.err.endswith("interrupted; the same command resumes the study\n")
    assert json.loads(qsched("status", "toy", "--json").out)["state"] == "interrupted"
    assert "no verdict yet" in qsched("status", "toy").out
    resumed = json.loads(qsched("run", toy, *LOCAL, "--json").out)["verdict"]
    with Storage.open(f"sqlite:///{once.folder}/qsched.db", create=False) as storage:
        assert resumed == storage.study("toy").verdict


def test_status_lists_studies(finished: Qsched, tmp_path: Path) -> None:
    with Storage.open(f"sqlite:///{tmp_path}/qsched.db", create=False) as storage:
        spec = storage.study("toy").spec.model_copy(update={"name": "another"})
        storage.save_study(spec, digest(spec))
        runs = len(storage.runs("toy"))
    listed = json.loads(finished("status", "--json").out)
    assert [(row["study"], row["state"], row["trials"], row["runs"]) for row in listed] == [
        ("toy", "finished", 4, runs),
        ("another", "running", 0, 0),
    ]
    assert finished("status").out.splitlines()[2].startswith("toy ")


def test_report_to_a_file(finished: Qsched, tmp_path: Path) -> None:
    result = finished("report", "toy", "--out", "r.html")
    assert (result.code, result.out) == (0, "r.html\n")
    assert "toy" in (tmp_path / "r.html").read_text()


def test_export_writes_what_run_wrote(finished: Qsched, toy: Path, tmp_path: Path) -> None:
    assert finished("export", "toy", "--out", "best.yaml").code == 0
    written = tmp_path / "qsched-out/toy/schedule.yaml"
    assert (tmp_path / "best.yaml").read_bytes() == written.read_bytes()
    assert yaml.safe_load(finished("export", toy).out) == yaml.safe_load(written.read_text())
    again = finished("export", "toy", "--out", "best.yaml")
    assert (again.code, "--force" in again.err) == (2, True)
    assert finished("export", "toy", "--out", "best.yaml", "--force").code == 0


def test_export_another_arm(finished: Qsched) -> None:
    result = finished("export", "toy", "--arm", "ana-ste-static")
    assert yaml.safe_load(result.out)["schedule"]["weights"]["backward_floor"] == 1.0
    wrong = finished("export", "toy", "--arm", "ana-ste-statik")
    assert (wrong.code, "did you mean `ana-ste-static`?" in wrong.err) == (2, True)


def test_train_keeps_the_promise_of_an_exported_file(finished: Qsched, tmp_path: Path) -> None:
    path = "qsched-out/toy/schedule.yaml"
    result = finished("train", path, "--task", "toy", "--seeds", 6, *LOCAL, "--json")
    data = json.loads(result.out)
    assert (result.code, data["inside"]) == (0, True)
    used = pool("report", 0, 4)
    assert data["seeds"] == list(pool("report", 0, 10)[4:])
    assert not set(data["seeds"]) & set(used)
    assert data["mean"] == pytest.approx(sum(data["accuracies"]) / 6)
    low, high = data["expected_interval"]
    assert low <= data["mean"] <= high
    # A mean of 4 against one of 6: the variance of the difference is s^2 (1/4 + 1/6).
    stated = load_schedule(tmp_path / path).expected
    assert stated is not None
    half = stated.interval[1] - stated.mean
    assert high - stated.mean == pytest.approx(half * (1 / 4 + 1 / 6) ** 0.5 / (1 / 4) ** 0.5)
    assert ": inside\n" in finished("train", path, "--task", "toy", *LOCAL).out


@pytest.mark.parametrize(("shift", "side"), [(-0.1, "below"), (0.05, "above")])
def test_train_says_that_a_promise_is_not_kept(
    finished: Qsched, monkeypatch: pytest.MonkeyPatch, shift: float, side: str
) -> None:
    def train(runs: Sequence[Run]) -> list[RunResult]:
        results = surrogate.train(runs)
        return [r.model_copy(update={"accuracy": (r.accuracy or 0) + shift}) for r in results]

    monkeypatch.setattr("qsched.cli.executors.train", train)
    arguments = ("train", "qsched-out/toy/schedule.yaml", "--task", "toy", "--seeds", 6, *LOCAL)
    result = finished(*arguments)
    assert (result.code, f"outside, {side} what the file states" in result.out) == (1, True)
    result = finished(*arguments, "--json")
    assert (result.code, json.loads(result.out)["inside"]) == (1, False)


def test_a_database_that_cannot_be_written_is_read(
    finished: Qsched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = (("status", "toy"), ("export", "toy"), ("report", "toy", "--out", "r.html"))
    expected = [finished(*command).out for command in commands]
    before = {path: path.read_bytes() for path in tmp_path.glob("qsched.db*")}
    assert list(before) == [tmp_path / "qsched.db"]
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and access(path, mode))
    results = [finished(*command) for command in commands]
    assert [(result.code, result.out) for result in results] == [(0, text) for text in expected]
    assert {path: path.read_bytes() for path in tmp_path.glob("qsched.db*")} == before
    result = finished("run", "toy.yaml", *LOCAL, "--name", "other")
    assert (result.code, "read-only" in result.err) == (1, True)


def test_runs_that_diverged_are_told(
    qsched: Qsched, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(runs: Sequence[Run]) -> list[RunResult]:
        first = pool("report", 0, 1)[0]
        return [
            surrogate.diverged(run) if run.seed == first else result
            for run, result in zip(runs, surrogate.train(runs), strict=True)
        ]

    monkeypatch.setattr("qsched.cli.executors.train", train)
    lines = qsched("run", toy, *LOCAL).out.splitlines()
    [head] = [line for line in lines if line.startswith("contender")]
    assert head.endswith("diverged")
    assert sum(line.endswith("1 of 4") for line in lines) == 4
    [told] = [line for line in lines if line.startswith("Runs that diverged count as 0")]
    assert "full-precision (1)" in told


def test_copying_into_a_folder_that_is_not_there(qsched: Qsched) -> None:
    result = qsched("cp", "digits-ana", "nodir/x.yaml")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: nodir/x.yaml: there is no folder `nodir`; make it first\n"


def test_train_by_a_file_that_promises_nothing(finished: Qsched, toy: Path) -> None:
    result = finished("train", "ana-ste-static", "--task", toy, *LOCAL, "--seeds", 2)
    assert "the file states no test accuracy on this task" in result.out


def test_compare_is_a_paired_test_on_common_seeds(qsched: Qsched, toy: Path) -> None:
    names = ("ana-2019-overlapped", "ana-ste-static")
    arguments = ("compare", *names, "--task", toy, "--seeds", 5, *LOCAL)
    data = json.loads(qsched(*arguments, "--json").out)
    accuracies = [schedule["accuracies"] for schedule in data["schedules"]]
    expected = paired(accuracies[0], accuracies[1], 0.95)
    assert data["difference"] == pytest.approx(expected.difference)
    assert data["interval"] == pytest.approx(expected.interval)
    assert data["p_value"] == pytest.approx(expected.p_value)
    assert len(data["seeds"]) == 5
    assert f"{100 * expected.difference:+.2f} points" in qsched(*arguments).out


def test_comparing_a_schedule_with_itself_finds_nothing(qsched: Qsched, toy: Path) -> None:
    result = qsched("compare", "ede", "ede", "--task", toy, "--seeds", 3, *LOCAL)
    assert "no significant difference" in result.out


def test_dashboard_serves_the_database_on_loopback(
    finished: Qsched, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(
        "optuna_dashboard.run_server", lambda storage, **options: calls.append(options)
    )
    assert finished("dashboard", "--port", 9000).code == 0
    [options] = calls
    assert (options["host"], options["port"]) == ("127.0.0.1", 9000)
