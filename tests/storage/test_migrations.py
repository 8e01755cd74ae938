"""The migrations make the tables that the code reads."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_mock_engine, inspect, text

from qsched.storage import Storage, migrate, tables
from tests.storage.conftest import SQLITE_ONLY


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
