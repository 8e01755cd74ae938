"""A finished study breaks no rule; whatever is changed behind its back breaks the right one."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from qsched.errors import UnknownNameError
from qsched.execution import Inline
from qsched.storage import Storage
from qsched.study import run_study
from qsched.study.invariants import RULES, violations
from tests.study import surrogate
from tests.study.test_loop import SPEC

PAGE = (Path(__file__).parents[2] / "docs" / "storage.md").read_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("finished") / "studies.db"
    with Storage.open(f"sqlite:///{file}") as storage:
        run_study(SPEC, storage, Inline(surrogate.train), lambda _: None)
    return file


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(finished, tmp_path))


def found(file: Path, names: list[str] | None = None) -> list[str]:
    """Return the rules that a database breaks, each once, and check that they are explained."""
    with Storage.open(f"sqlite:///{file}", create=False) as storage:
        broken = violations(storage, names)
    assert all(one.rule in RULES and one.row for one in broken)
    return sorted({one.rule for one in broken})


def change(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        assert connection.execute(statement).rowcount != 0, statement
    connection.commit()
    connection.close()


def test_a_finished_study_breaks_no_rule_and_checking_changes_nothing(finished: Path) -> None:
    before = finished.read_bytes()
    assert found(finished) == []
    assert finished.read_bytes() == before


LAST_RUN = "id = (SELECT max(id) FROM qsched_runs WHERE phase = 'search')"
CANDIDATE = "(SELECT max(trial_id) FROM trials)"

BROKEN: dict[str, tuple[list[str], set[str]]] = {
    "study-hash": (
        ["""UPDATE qsched_studies SET spec = replace(spec, '"seed":0', '"seed":1')"""],
        {"run-pool", "run-key", "trial-runs", "trial-value", "verdict-runs", "verdict-derived"},
    ),
    "schedule-hash": (
        ["UPDATE qsched_schedules SET schedule = replace(schedule, '\"end\":0.7', '\"end\":0.6')"],
        {"run-key"},
    ),
    "run-key": ([f"UPDATE qsched_runs SET key = 'x' WHERE {LAST_RUN}"], {"verdict-derived"}),
    "run-result": (
        [f"UPDATE qsched_runs SET accuracy = 1.5 WHERE {LAST_RUN}"],
        {"trial-value", "verdict-derived"},
    ),
    "run-pool": (
        [f"UPDATE qsched_runs SET seed = 100000 WHERE {LAST_RUN}"],
        {"run-key", "trial-runs", "verdict-derived"},
    ),
    "trial-numbers": (
        [f"UPDATE trials SET number = number + 1 WHERE trial_id = {CANDIDATE}"],
        {"trial-arm", "verdict-derived"},
    ),
    "trial-finished": (
        [f"UPDATE trials SET state = 'RUNNING' WHERE trial_id = {CANDIDATE}"],
        {"trial-value", "verdict-derived"},
    ),
    "trial-arm": (
        [
            "UPDATE trial_user_attributes SET value_json = '\"trial-999\"' "
            f"WHERE key = 'arm' AND trial_id = {CANDIDATE}"
        ],
        set(),
    ),
    "trial-runs": ([f"DELETE FROM qsched_runs WHERE {LAST_RUN}"], {"verdict-derived"}),
    "trial-value": (
        [f"UPDATE trial_values SET value = value + 1e-6 WHERE trial_id = {CANDIDATE}"],
        set(),
    ),
    "budget": ([f"DELETE FROM trials WHERE trial_id = {CANDIDATE}"], {"verdict-derived"}),
    "verdict-state": (["UPDATE qsched_studies SET state = 'running'"], set()),
    "verdict-runs": (
        [
            "UPDATE qsched_runs SET accuracy = accuracy / 2 "
            "WHERE id = (SELECT max(id) FROM qsched_runs)"
        ],
        {"verdict-derived"},
    ),
    "verdict-derived": (
        [
            "UPDATE qsched_runs SET accuracy = 0.999 WHERE phase = 'selection' AND arm = "
            "(SELECT min(arm) FROM qsched_runs WHERE phase = 'selection' AND arm LIKE 'trial-%' "
            "AND arm NOT IN (SELECT arm FROM qsched_runs WHERE phase = 'report'))"
        ],
        set(),
    ),
}
"""By rule: statements that break it, and what else may break with it."""


@pytest.mark.parametrize("rule", BROKEN)
def test_each_rule_notices_what_breaks_it(copy: Path, rule: str) -> None:
    statements, others = BROKEN[rule]
    change(copy, *statements)
    broken = set(found(copy))
    assert rule in broken
    assert broken <= {rule, *others}


def test_a_run_that_is_there_twice(copy: Path) -> None:
    # The constraint keeps it out; a table that was copied by hand may have lost it.
    change(copy, "CREATE TABLE loose AS SELECT * FROM qsched_runs", "DROP TABLE qsched_runs")
    change(copy, "ALTER TABLE loose RENAME TO qsched_runs")
    change(copy, "INSERT INTO qsched_runs SELECT * FROM qsched_runs LIMIT 1")
    assert found(copy) == ["run-unique"]


@pytest.mark.parametrize("cohorts", [0, 1, 3, 9])
def test_an_interrupted_study_breaks_no_rule(tmp_path: Path, cohorts: int) -> None:
    left = [None] * cohorts

    def train(runs: object) -> object:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return surrogate.train(runs)  # type: ignore[arg-type]

    file = tmp_path / "studies.db"
    with Storage.open(f"sqlite:///{file}") as storage, pytest.raises(KeyboardInterrupt):
        run_study(SPEC, storage, Inline(train), lambda _: None)  # type: ignore[arg-type]
    assert found(file) == []


def test_an_unknown_study(finished: Path) -> None:
    with pytest.raises(UnknownNameError):
        found(finished, ["nosuch"])


def test_every_rule_is_tested_and_documented() -> None:
    assert {*BROKEN, "run-unique"} == set(RULES)
    for rule in RULES:
        assert f"`{rule}`" in PAGE
