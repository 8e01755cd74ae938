"""Database connections: how one is opened, locked for writing, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from qsched.errors import InputError, StorageError, UnreachableError

__all__ = [
    "connect",
    "insert_new",
    "only_one",
    "read_only",
    "readable_errors",
    "shown",
    "sqlite_file",
    "write",
]

BUSY_SECONDS = 30

_TABLE_LOCK = 0x715363686564
"""A number of our own among the database's advisory locks."""

_REASONS = (
    ("disk is full", "the disk is full; free some space and run the same command again"),
    ("no space left", "the server's disk is full; free some space and run the same command again"),
    ("readonly", "the file or its folder is read-only; make both writable, or name another file"),
    ("not a database", "the file is not an SQLite database; name another file"),
    ("malformed", "the file is damaged; restore a copy, or name another file"),
    ("unable to open", "the file cannot be opened; check that its folder exists and is writable"),
    (
        "is locked",
        f"another program kept it locked for {BUSY_SECONDS} s; close that program and run the "
        "same command again",
    ),
    ("disk i/o error", "the disk reported an error; check it, and run the same command again"),
)


def connect(url: str) -> Engine:
    """Return an engine on ``url``; nothing is opened yet.

    Raises:
        InputError: ``url`` is not a database URL, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, **_options(parsed))
        if (file := sqlite_file(engine)) is not None and read_only(engine):
            engine = create_engine(parsed, creator=lambda: _open_read_only(file))
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"the database of `{parsed.drivername}://` needs a driver that is not installed "
            f"({error}); install it, or use `sqlite:///FILE`"
        ) from None
    except ArgumentError:
        raise InputError(
            f"a database is named by a URL such as `sqlite:///FILE`, but got `{url}`"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_pragmas)
    return engine


def sqlite_file(engine: Engine) -> Path | None:
    """Return the plain file an engine works on; None if it is no SQLite file."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name.startswith((":", "file:")):
        return None
    return Path(name)


def read_only(engine: Engine) -> bool:
    """Return whether a database is a file that this process may read, but not write."""
    file = sqlite_file(engine)
    if file is None or not file.exists():
        return False
    return not (os.access(file, os.W_OK) and os.access(file.absolute().parent, os.W_OK))


def _open_read_only(file: Path) -> sqlite3.Connection:
    """Connect to a file without writing beside it, as a reader of a WAL otherwise does."""
    log = file.with_name(f"{file.name}-wal")
    # A file that nobody has open never changes; one whose log is there is read with its log.
    mode = "mode=ro" if log.exists() else "mode=ro&immutable=1"
    name = f"file:{quote(str(file.absolute()))}?{mode}"
    return sqlite3.connect(name, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """Run one transaction that holds the write lock from its beginning.

    SQLite takes the lock only at the first write otherwise, and then what was read before may be
    outdated; it fails then instead of waiting.
    """
    with readable_errors(engine), engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert what breaks no unique constraint, and leave the rest as it is stored."""
    if rows:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


@contextmanager
def only_one(engine: Engine) -> Iterator[None]:
    """Let one process at a time make tables; the others wait.

    In SQLite whoever writes is alone anyhow. PostgreSQL lets two create the same table, and one
    of them fails.
    """
    if engine.dialect.name != "postgresql":
        yield
        return
    with readable_errors(engine), engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_TABLE_LOCK)))
        yield


@contextmanager
def readable_errors(engine: Engine) -> Iterator[None]:
    """Turn a database error of the block into a one-line :class:`StorageError`.

    It is an :class:`UnreachableError` if the connection broke or could not be made.
    """
    try:
        yield
    except Exception as error:
        # Optuna raises errors of its own, caused by those of the database.
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        if not isinstance(cause, DBAPIError):
            raise
        kind = UnreachableError if _unreachable(cause) else StorageError
        raise kind(f"{shown(engine)}: {_reason(cause)}") from error


def shown(engine: Engine) -> str:
    """Return the name of a database as messages give it: its file, or its URL sans password."""
    file = sqlite_file(engine)
    return f"database `{file or engine.url.render_as_string(hide_password=True)}`"


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    if url.get_backend_name() != "postgresql":
        return {"pool_pre_ping": True}
    # A server that vanishes without a word is noticed within a minute.
    alive = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3}
    arguments = {"connect_timeout": 10, "tcp_user_timeout": 60_000, **alive}
    return {"pool_pre_ping": True, "connect_args": arguments}


def _set_pragmas(connection: Any, _record: object) -> None:
    """NORMAL: no fsync a commit; a power cut may undo the last ones, but breaks nothing."""
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _unreachable(error: DBAPIError) -> bool:
    """Return whether the connection is at fault: SQLSTATE 08 and 57P0, or none at all."""
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", "none")  # SQLite's errors have no such attribute.
    return isinstance(error, OperationalError) and (
        state is None or state.startswith(("08", "57P0"))
    )


def _reason(error: DBAPIError) -> str:
    # PostgreSQL goes on to tell the whole row.
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    text = " ".join(str(primary or error.orig).split())
    return next((reason for mark, reason in _REASONS if mark in text.lower()), text)
