"""Alembic's migrations of the study database, one file a release that changes the schema.

Imported only by a process that creates or migrates a database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from qsched.errors import UnknownNameError, VersionError
from qsched.storage.tables import HEAD, VERSION_TABLE

__all__ = ["migrate", "revisions", "scripts"]


def scripts() -> ScriptDirectory:
    """Return the migrations of all releases."""
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    return ScriptDirectory.from_config(config)


def revisions(found: str | None, name: str, target: str = HEAD) -> list[Callable[[], None]]:
    """Return the migrations that lead from schema ``found`` to ``target``, in order.

    Args:
        found: schema version of the database; ``base`` if it is empty, None if it has none.
        name: the database's name in messages.
        target: a schema version of this release or of an older one.

    Raises:
        VersionError: none lead there.
        UnknownNameError: ``target`` is no schema version.
    """
    if found is None:
        raise VersionError(
            f"a study database needs a database of its own, but {name} has tables of another "
            "program; name another one"
        )
    chain = list(scripts().walk_revisions())[::-1]
    known = ["base", *(script.revision for script in chain)]
    if found not in known:
        raise VersionError(
            f"this release reads study databases up to schema {HEAD}, but {name} has {found}; "
            "install the newer qsched that wrote it, or name another database"
        )
    if target not in known[1:]:
        raise UnknownNameError("schema version", target, known[1:])
    here, there = known.index(found), known.index(target)
    if here <= there:
        return [script.module.upgrade for script in chain[here:there]]
    return [script.module.downgrade for script in chain[there:here][::-1]]


def migrate(
    connection: Connection, steps: Sequence[Callable[[], None]], target: str = HEAD
) -> None:
    """Apply migrations within the transaction of ``connection``, and note the new version."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    with Operations.context(context):
        for step in steps:
            step()
    context.stamp(scripts(), target)
