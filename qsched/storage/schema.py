"""The schema version of a study database: checked, and brought up to date."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select

from qsched.errors import InputError
from qsched.storage.engine import only_one, readable_errors, shown, sqlite_file, write
from qsched.storage.tables import HEAD, VERSION_TABLE

__all__ = ["change_schema", "no_database", "prepare", "schema_version"]

_VERSION = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))


def prepare(engine: Engine, create: bool) -> None:
    """Make the database ready: create its tables, or migrate those of an older release.

    All of it is one transaction; of two processes that come at once, one waits.

    Raises:
        InputError: there is no study database, and ``create`` is false.
        VersionError: the database is of a newer release or of another program.
        StorageError: the database cannot be read or written.
    """
    found, empty = _look(engine)
    if found == HEAD:
        return
    if empty and not create:
        raise no_database(engine)
    if empty and engine.dialect.name == "sqlite":
        # Readers and the writer do not block each other. The file remembers it.
        with readable_errors(engine), engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    _move(engine, HEAD, empty)


def schema_version(engine: Engine) -> str:
    """Return the schema version of a study database.

    Raises:
        InputError: there is no study database.
        VersionError: the database is of another program.
        StorageError: the database cannot be read.
    """
    file = sqlite_file(engine)
    if file is not None and not file.exists():
        raise no_database(engine)
    found, empty = _look(engine)
    if empty:
        raise no_database(engine)
    if found is None:
        from qsched.storage.migrate import revisions

        revisions(found, shown(engine))
    return str(found)


def change_schema(engine: Engine, target: str = HEAD) -> None:
    """Migrate a study database, forth or back, in one transaction.

    Args:
        engine: of the database.
        target: the schema version that it has afterwards.

    Raises:
        InputError: there is no study database, or no such schema version.
        VersionError: the database is of a newer release or of another program.
        StorageError: the database cannot be read or written.
    """
    schema_version(engine)
    _move(engine, target, empty=False)


def no_database(engine: Engine) -> InputError:
    """Return the error for a database that holds no studies yet."""
    return InputError(
        f"{shown(engine)} does not exist or is empty; start a study with `qsched run STUDY`, "
        "or name the database that has yours"
    )


def _move(engine: Engine, target: str, empty: bool) -> None:
    from qsched.storage.migrate import migrate, revisions

    with only_one(engine), write(engine) as connection:
        found = _version(connection)
        if found != target:
            start = "base" if found is None and empty else found
            migrate(connection, revisions(start, shown(engine), target), target)


def _look(engine: Engine) -> tuple[str | None, bool]:
    """Return the schema version, None if there is none, and whether there is no table at all."""
    with readable_errors(engine), engine.connect() as connection:
        return _version(connection), not inspect(connection).get_table_names()


def _version(connection: Connection) -> str | None:
    """Return the schema version; None if the database has none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(_VERSION.c.version_num))
