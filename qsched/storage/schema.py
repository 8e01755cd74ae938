"""The schema version of a study database: checked, and brought up to date by migrations."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, inspect

from qsched.errors import InputError, VersionError
from qsched.storage.engine import readable_errors, shown, write
from qsched.storage.tables import VERSION_TABLE

__all__ = ["HEAD", "prepare"]

HEAD = "v0.1.0"
"""The schema version that this release reads and writes."""

_MIGRATIONS = Path(__file__).parent / "migrations"


def prepare(engine: Engine, create: bool) -> None:
    """Make the database ready: create its tables, or migrate those of an older release.

    All of it is one transaction; of two processes that come at once, one waits.

    Raises:
        InputError: there is no study database, and ``create`` is false.
        VersionError: the database is of a newer release or of another program.
        StorageError: the database cannot be read or written.
    """
    with readable_errors(engine), engine.connect() as connection:
        if _version(connection) == HEAD:
            return
    if not create and _is_empty(engine):
        raise no_database(engine)
    with write(engine) as connection:
        _migrate(connection)


def no_database(engine: Engine) -> InputError:
    """Return the error for a database that holds no studies yet."""
    return InputError(
        f"{shown(engine)} does not exist or is empty; start a study with `qsched run STUDY`, "
        "or name the database that has yours"
    )


def _is_empty(engine: Engine) -> bool:
    with readable_errors(engine), engine.connect() as connection:
        return not inspect(connection).get_table_names()


def _version(connection: Connection) -> str | None:
    """Return the schema version; None if the database has none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return _context(connection).get_current_revision()


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})


def _migrate(connection: Connection) -> None:
    found = _version(connection)
    if found == HEAD:  # Another process was faster.
        return
    name = shown(connection.engine)
    if found is None and (tables := inspect(connection).get_table_names()):
        raise VersionError(
            f"a study database holds qsched's tables, but {name} is of another program (table "
            f"`{tables[0]}`); name another database"
        )
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    try:
        revisions = list(scripts.iterate_revisions(HEAD, found or "base"))
    except CommandError:
        raise VersionError(
            f"this release reads study databases up to schema {HEAD}, but {name} has {found}; "
            "install the newer qsched that wrote it, or name another database"
        ) from None
    context = _context(connection)
    with Operations.context(context):
        for revision in reversed(revisions):
            revision.module.upgrade()
    context.stamp(scripts, HEAD)
