"""The schema version of a study database: checked, and brought up to date."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select

from qsched.errors import InputError
from qsched.storage.engine import readable_errors, shown, write
from qsched.storage.tables import HEAD, VERSION_TABLE

__all__ = ["no_database", "prepare"]

_VERSION = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))


def prepare(engine: Engine, create: bool) -> None:
    """Make the database ready: create its tables, or migrate those of an older release.

    All of it is one transaction; of two processes that come at once, one waits.

    Raises:
        InputError: there is no study database, and ``create`` is false.
        VersionError: the database is of a newer release or of another program.
        StorageError: the database cannot be read or written.
    """
    with readable_errors(engine), engine.connect() as connection:
        found = _version(connection)
        empty = not inspect(connection).get_table_names()
    if found == HEAD:
        return
    if empty and not create:
        raise no_database(engine)
    from qsched.storage.migrate import migrate, revisions

    if not empty:
        revisions(found, shown(engine))
    elif engine.dialect.name == "sqlite":
        # Readers and the writer do not block each other. The file remembers it.
        with readable_errors(engine), engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    with write(engine) as connection:
        if (found := _version(connection)) != HEAD:
            migrate(connection, revisions("base" if empty else found, shown(engine)))


def no_database(engine: Engine) -> InputError:
    """Return the error for a database that holds no studies yet."""
    return InputError(
        f"{shown(engine)} does not exist or is empty; start a study with `qsched run STUDY`, "
        "or name the database that has yours"
    )


def _version(connection: Connection) -> str | None:
    """Return the schema version; None if the database has none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(_VERSION.c.version_num))
