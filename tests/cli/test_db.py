"""A study that moves to another database goes on there; what is damaged is told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from qsched.specs import Run, RunResult
from qsched.storage import Storage
from tests.cli.conftest import Qsched
from tests.study import surrogate

HERE = "sqlite:///qsched.db"


def interrupt_at(monkeypatch: pytest.MonkeyPatch, cohort: int) -> None:
    """Let training in this process stop at its n-th cohort, as Ctrl-C does."""
    trained = 0

    def train(runs: Sequence[Run]) -> list[RunResult]:
        nonlocal trained
        trained += 1
        if trained == cohort:
            raise KeyboardInterrupt
        return surrogate.train(runs)

    monkeypatch.setattr("qsched.cli.executors.train", train)


def test_an_interrupted_study_goes_on_in_postgresql_and_comes_back(
    qsched: Qsched, toy: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = json.loads(
        qsched("run", toy, "--workers", 1, "--db", "sqlite:///whole.db", "--json").out
    )["verdict"]
    interrupt_at(monkeypatch, 12)
    assert qsched("run", toy, "--workers", 1).code == 130
    before = json.loads(qsched("status", "toy", "--json").out)
    assert 0 < before["runs"] < len(surrogate_runs("sqlite:///whole.db"))

    assert qsched("db", "export", "toy.zip").out.startswith("toy.zip: 1 studies, ")
    moved = qsched("db", "import", "toy.zip", "--db", postgres_url)
    assert (moved.code, moved.err) == (0, "")
    assert json.loads(qsched("status", "toy", "--json", "--db", postgres_url).out) == before
    assert qsched("db", "check", "--db", postgres_url).code == 0
    interrupt_at(monkeypatch, 0)
    resumed = qsched("run", toy, "--workers", 1, "--db", postgres_url, "--json")
    assert json.loads(resumed.out)["verdict"] == expected
    stored = surrogate_runs(postgres_url)
    assert len(set(stored)) == len(stored)
    assert sorted(stored) == sorted(surrogate_runs("sqlite:///whole.db"))

    assert qsched("db", "export", "back", "--db", postgres_url).code == 0
    assert qsched("db", "import", "back", "--db", "sqlite:///back.db").code == 0
    assert qsched("report", "toy", "--db", "sqlite:///back.db", "--out", "r.html").code == 0
    checked = qsched("db", "check", "--db", "sqlite:///back.db")
    assert (checked.code, checked.out) == (0, "sqlite:///back.db: 15 of 15 rules hold\n")


def surrogate_runs(url: str) -> list[str]:
    with Storage.open(url, create=False) as storage:
        return [row.result.key for row in storage.runs("toy")]


def test_rules_that_are_broken_are_told_with_their_rows(qsched: Qsched, toy: Path) -> None:
    qsched("run", toy, "--workers", 1)
    connection = sqlite3.connect("qsched.db")
    connection.execute("UPDATE trial_values SET value = 0.5 WHERE trial_id = 3")
    connection.execute("UPDATE qsched_studies SET state = 'running'")
    connection.commit()
    connection.close()
    found = qsched("db", "check")
    assert found.code == 1
    assert "trial-value: a trial's values are the means of its runs, but\n" in found.out
    assert "toy    trial 2: 0.5 on " in found.out
    assert "toy    running, with a verdict" in found.out
    assert found.out.endswith("qsched.db: 13 of 15 rules hold\n")
    data = json.loads(qsched("db", "check", "--json").out)
    assert [one["rule"] for one in data] == ["verdict-state", "trial-value"]
    assert qsched("db", "check", "--study", "nosuch").code == 2


def test_an_import_that_conflicts_changes_nothing(qsched: Qsched, toy: Path) -> None:
    qsched("run", toy, "--workers", 1)
    qsched("db", "export", "toy.zip")
    before = Path("qsched.db").read_bytes()
    found = qsched("db", "import", "toy.zip")
    assert (found.code, found.out) == (2, "")
    assert "has toy; use another database" in found.err
    assert Path("qsched.db").read_bytes() == before
    assert qsched("db", "export", "toy.zip").code == 2


def test_an_upgrade_asks_for_a_backup_first(qsched: Qsched, toy: Path) -> None:
    qsched("run", toy, "--workers", 1)
    assert "has schema v0.2.0 already" in qsched("db", "upgrade").out
    found = qsched("db", "upgrade", "--to", "v0.1.0")
    assert found.code == 2
    assert "from schema v0.2.0 to v0.1.0; stop what uses it, make a backup (copy" in found.err
    assert qsched("db", "upgrade", "--to", "v0.1.0", "--yes").code == 0
    assert qsched("db", "upgrade").code == 2
    assert qsched("db", "upgrade", "--yes").out.endswith("schema v0.1.0 -> v0.2.0\n")
    assert qsched("db", "check").code == 0


@pytest.mark.parametrize("command", ["check", "upgrade", "export"])
def test_a_database_that_is_not_there(qsched: Qsched, command: str) -> None:
    found = qsched("db", command, *(["out"] if command == "export" else []))
    assert found.code == 2
    assert "does not exist or is empty" in found.err
    assert not Path("qsched.db").exists()
