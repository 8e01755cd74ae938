"""The tables that are named for Optuna's against those that Optuna makes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import TrialState
from sqlalchemy import Enum, MetaData, Table, select, text

from qsched.storage import Storage, optuna_schema

UNUSED = {"alembic_version", "version_info", "trial_heartbeats"}


def facts(table: Table) -> dict[str, Any]:
    """Return what the columns of a table hold, and where they point."""
    return {
        column.name: (
            column.type.python_type,
            getattr(column.type, "length", None),
            column.nullable,
            column.primary_key,
            {key.target_fullname for key in column.foreign_keys},
        )
        for column in table.columns
    }


def choices(metadata: MetaData) -> dict[str, dict[str, tuple[str | None, list[str]]]]:
    """Return the names and the values of what can only be one of some words."""
    return {
        name: {
            column.name: (column.type.name, sorted(column.type.enums))
            for column in table.columns
            if isinstance(column.type, Enum)
        }
        for name, table in metadata.tables.items()
    }


def test_the_tables_are_those_that_optuna_makes(storage: Storage) -> None:
    engine, made = storage.optuna.engine, MetaData()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == (
            optuna_schema.REVISION
        )
        made.reflect(connection)
    known = optuna_schema.METADATA.tables
    assert {name for name in made.tables if not name.startswith("qsched_")} == {*known, *UNUSED}
    for name, table in known.items():
        assert facts(table) == facts(made.tables[name]), name
    if engine.dialect.name == "postgresql":
        of_optuna = {name: found for name, found in choices(made).items() if name in known}
        assert of_optuna == choices(optuna_schema.METADATA)


def test_a_study_that_is_locked_waits_for_its_other_writers(storage: Storage) -> None:
    query = optuna_schema.lock(1).compile(dialect=storage.optuna.engine.dialect)
    assert ("FOR UPDATE" in str(query)) == (storage.optuna.engine.dialect.name == "postgresql")


def test_queries_find_what_optuna_stored(storage: Storage) -> None:
    ids = {}
    for name in ("b", "a"):
        number = storage.optuna.create_new_study([StudyDirection.MAXIMIZE], name)
        ids[name] = [storage.optuna.create_new_trial(number) for _ in range(2)]
    storage.optuna.set_trial_state_values(ids["a"][0], TrialState.COMPLETE, [0.5])
    with storage.optuna.engine.connect() as connection:
        assert set(connection.scalars(optuna_schema.names())) == {"a", "b"}
        assert list(connection.scalars(optuna_schema.trial_ids("b"))) == ids["b"]
        assert [tuple(row) for row in connection.execute(optuna_schema.states())] == [
            ("a", 0, "COMPLETE"),
            ("a", 1, "RUNNING"),
            ("b", 0, "RUNNING"),
            ("b", 1, "RUNNING"),
        ]
        number = storage.optuna.get_study_id_from_name("a")
        assert connection.scalar(optuna_schema.next_number(number)) == 2
        values = select(
            optuna_schema.TRIAL_VALUES.c.value, optuna_schema.TRIAL_VALUES.c.value_type
        )
        assert [tuple(row) for row in connection.execute(values)] == [(0.5, "FINITE")]


def test_the_tables_are_known_without_optuna() -> None:
    program = "import sys, qsched.storage.optuna_schema; sys.exit('optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
