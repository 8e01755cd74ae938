"""Alembic's migrations of the study database, one file a release that changes the schema.

Imported only by a process that creates or migrates a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection

from qsched.errors import VersionError
from qsched.storage.tables import HEAD, VERSION_TABLE

__all__ = ["migrate", "revisions", "scripts"]


def scripts() -> ScriptDirectory:
    """Return the migrations of all releases."""
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return ScriptDirectory.from_config(config)


def revisions(found: str | None, name: str) -> list[Script]:
    """Return the migrations that lead from schema ``found`` to this release's, in order.

    Args:
        found: schema version of the database; ``base`` if it is empty, None if it has none.
        name: the database's name in messages.

    Raises:
        VersionError: none lead there.
    """
    if found is None:
        raise VersionError(
            f"a study database needs a database of its own, but {name} has tables of another "
            "program; name another one"
        )
    folder = scripts()
    if found not in {"base", *(script.revision for script in folder.walk_revisions())}:
        raise VersionError(
            f"this release reads study databases up to schema {HEAD}, but {name} has {found}; "
            "install the newer qsched that wrote it, or name another database"
        )
    return list(folder.iterate_revisions(HEAD, found))[::-1]


def migrate(connection: Connection, steps: Sequence[Script]) -> None:
    """Apply migrations within the transaction of ``connection``, and note the new version."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    with Operations.context(context):
        for step in steps:
            step.module.upgrade()
    context.stamp(scripts(), HEAD)
