"""The migrations make the tables that the code reads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Barrier
from unittest.mock import Mock

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import (
    Engine,
    MetaData,
    create_mock_engine,
    insert,
    inspect,
    select,
    text,
)

from qsched.errors import UnknownNameError
from qsched.specs import digest
from qsched.storage import Storage, migrate, tables
from qsched.storage.engine import connect
from qsched.storage.schema import change_schema, schema_version
from tests.storage.conftest import SQLITE_ONLY
from tests.storage.samples import SPEC


def test_migrations_make_the_tables_of_the_code(storage: Storage) -> None:
    def own(_object: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or str(name).startswith("qsched_")

    with storage.optuna.engine.connect() as connection:
        options = {"include_object": own, "version_table": tables.VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.METADATA) == []


def test_the_last_migration_is_the_version_of_this_release() -> None:
    assert migrate.scripts().get_heads() == [tables.HEAD]


def test_migrations_are_named_by_release() -> None:
    for script in migrate.scripts().walk_revisions():
        assert Path(script.path).stem == script.revision.replace(".", "_")


def test_versions_of_optuna_and_of_this_schema_are_apart(storage: Storage) -> None:
    with storage.optuna.engine.connect() as connection:
        names = set(inspect(connection).get_table_names())
        assert {"alembic_version", "qsched_alembic_version", "studies", "qsched_studies"} <= names
        own = connection.scalar(text("SELECT version_num FROM qsched_alembic_version"))
        assert own == tables.HEAD
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) != own


def test_tables_can_be_made_in_postgresql() -> None:
    made: list[str] = []
    engine = create_mock_engine(
        "postgresql://", lambda sql, *_: made.append(str(sql.compile(dialect=engine.dialect)))
    )
    tables.METADATA.create_all(engine, checkfirst=False)
    assert sum("CREATE TABLE qsched_" in sql for sql in made) == len(tables.METADATA.tables)


@SQLITE_ONLY
def test_phases_are_read_by_an_index(storage: Storage) -> None:
    query = "EXPLAIN QUERY PLAN SELECT * FROM qsched_runs WHERE study_id = 1 AND phase = 'search'"
    with storage.optuna.engine.connect() as connection:
        plan = connection.execute(text(query)).one()
    assert "USING INDEX qsched_runs_study_phase" in plan.detail


ROWS = {
    "qsched_studies": {
        "id": 7,
        "name": "old",
        "spec": "{}",
        "sha256": "a" * 64,
        "state": "finished",
        "created": datetime(2026, 1, 2, 3, 4, 5, 678901),
        "updated": datetime(2026, 1, 2),
        "verdict": None,
        "notes": "{}",
        "versions": '{"qsched":"0.1.0"}',
    },
    "qsched_schedules": {"sha256": "b" * 64, "schedule": "{}"},
    "qsched_runs": {
        "id": 9,
        "study_id": 7,
        "key": "c" * 64,
        "arm": "é",
        "phase": "search",
        "schedule": "b" * 64,
        "seed": 500_000,
        "length": 1 / 3,
        "evaluate": "test",
        "learning_rate": 0.1,
        "status": "finished",
        "accuracy": 0.1 + 0.2,
        "loss": None,
        "curve": "[]",
        "steps": 300,
        "seconds": 1e-9,
        "reason": None,
        "versions": "{}",
        "created": datetime(2026, 1, 2),
    },
}
"""A row of every table of the first release."""

RELEASED = [script.revision for script in migrate.scripts().walk_revisions()]


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    found = connect(url)
    yield found
    found.dispose()


def columns_of(engine: Engine) -> dict[str, object]:
    """Return what the database tells of its own tables."""
    found = inspect(engine)
    names = [name for name in found.get_table_names() if name.startswith("qsched_")]
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(name)],
            sorted(str(i["column_names"]) for i in found.get_indexes(name)),
            sorted(str(k["constrained_columns"]) for k in found.get_foreign_keys(name)),
        )
        for name in names
    }


def at_schema(engine: Engine, version: str) -> None:
    """Create the tables of a release."""
    with engine.begin() as connection:
        migrate.migrate(connection, migrate.revisions("base", "", version), version)


@pytest.mark.parametrize("version", RELEASED)
def test_rows_of_every_release_survive_the_way_up_and_down(engine: Engine, version: str) -> None:
    at_schema(engine, version)
    before = columns_of(engine)
    stored = MetaData()
    stored.reflect(engine)
    with engine.begin() as connection:
        for name, row in ROWS.items():
            connection.execute(insert(stored.tables[name]), row)
    for target in (tables.HEAD, version):
        change_schema(engine, target)
        assert schema_version(engine) == target
        with engine.connect() as connection:
            found = {
                name: dict(connection.execute(select(stored.tables[name])).mappings().one())
                for name in ROWS
            }
        assert found == ROWS
    assert columns_of(engine) == before


@pytest.mark.parametrize("version", RELEASED)
def test_a_database_of_every_release_opens_as_one_of_this_release(
    engine: Engine, url: str, version: str
) -> None:
    at_schema(engine, version)
    with Storage.open(url, create=False) as storage:
        storage.save_study(SPEC, digest(SPEC))
        assert columns_of(engine).keys() == {*tables.METADATA.tables, tables.VERSION_TABLE}


def test_migrations_that_fail_change_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_schema(engine, RELEASED[-1])
    before = columns_of(engine)
    monkeypatch.setattr(MigrationContext, "stamp", Mock(side_effect=RuntimeError))
    with pytest.raises(RuntimeError):
        change_schema(engine)
    assert columns_of(engine) == before
    assert schema_version(engine) == RELEASED[-1]


def test_an_unknown_schema_version(storage: Storage) -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean `v0.1.0`"):
        change_schema(storage.optuna.engine, "v0.1.9")


def test_many_may_create_the_tables_at_once(url: str) -> None:
    start = Barrier(4)

    def create() -> int:
        start.wait()
        with Storage.open(url) as storage:
            return len(storage.optuna.get_all_studies())

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(create) for _ in range(4)]
    assert [done.result() for done in waiting] == [0] * 4
