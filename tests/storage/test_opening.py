"""What cannot be opened or written says why, in one line, and is left as it was."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from alembic.runtime.migration import MigrationContext
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from qsched.errors import InputError, QschedError, StorageError, VersionError
from qsched.specs import digest
from qsched.storage import Storage, engine
from qsched.storage.tables import HEAD
from tests.storage.conftest import SQLITE_ONLY
from tests.storage.samples import SPEC, limit_pages, make_row


def fails(kind: type[QschedError], opening: Callable[[], object]) -> str:
    """Return the message of the error, which must be of just this kind and on one line."""
    with pytest.raises(kind) as caught:
        opening()
    assert caught.type is kind
    message = str(caught.value)
    assert "\n" not in message
    return message


@SQLITE_ONLY
@pytest.mark.parametrize("content", [None, b""])
def test_nothing_is_created_unasked(tmp_path: Path, url: str, content: bytes | None) -> None:
    file = tmp_path / "studies.db"
    if content is not None:
        file.write_bytes(content)
    message = fails(InputError, lambda: Storage.open(url, create=False))
    assert f"`{file}` does not exist or is empty" in message
    assert "qsched run" in message
    assert (file.read_bytes() if file.exists() else None) == content


def test_a_missing_folder(tmp_path: Path) -> None:
    message = fails(StorageError, lambda: Storage.open(f"sqlite:///{tmp_path}/a/b/c.db"))
    assert f"`{tmp_path}/a/b` does not; create it" in message
    assert not (tmp_path / "a").exists()


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert "cannot be opened" in fails(StorageError, lambda: Storage.open(f"sqlite:///{tmp_path}"))


@SQLITE_ONLY
def test_a_file_that_is_not_sqlite(tmp_path: Path, url: str) -> None:
    content = b"accuracy,loss\n" * 200
    (tmp_path / "studies.db").write_bytes(content)
    assert "not an SQLite database" in fails(StorageError, lambda: Storage.open(url))
    assert (tmp_path / "studies.db").read_bytes() == content


@SQLITE_ONLY
def test_a_truncated_file(tmp_path: Path, url: str) -> None:
    with Storage.open(url) as storage:
        storage.save_study(SPEC, digest(SPEC))
    file = tmp_path / "studies.db"
    file.write_bytes(file.read_bytes()[:6000])
    assert "restore a copy" in fails(StorageError, lambda: Storage.open(url).studies())


@SQLITE_ONLY
def test_a_read_only_file(tmp_path: Path, url: str) -> None:
    with Storage.open(url) as storage:
        storage.save_study(SPEC, digest(SPEC))
    # The URI says it for every user; a file's mode does not bind the superuser.
    with Storage.open(f"sqlite:///file:{tmp_path}/studies.db?mode=ro&uri=true") as storage:
        assert storage.study("t").state == "running"
        message = fails(StorageError, lambda: storage.set_state("t", "finished"))
    assert "read-only; make both writable" in message


def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path
    if os.geteuid() == 0:  # No mode binds the superuser, but nobody creates files here.
        folder = Path("/proc")
        if not folder.is_dir():
            pytest.skip("the superuser may write everywhere")
    else:
        folder.chmod(0o500)
    message = fails(StorageError, lambda: Storage.open(f"sqlite:///{folder}/studies.db"))
    assert "check that its folder exists and is writable" in message


@SQLITE_ONLY
def test_a_full_disk_stores_nothing_of_a_call(storage: Storage) -> None:
    storage.add_runs("t", [make_row(0)])
    limit_pages(storage, 4)
    many = [make_row(seed) for seed in range(1, 100)]
    message = fails(StorageError, lambda: storage.add_runs("t", many))
    assert "disk is full; free some space and run the same command again" in message
    assert storage.runs("t") == [make_row(0)]
    limit_pages(storage, 10**6)
    storage.add_runs("t", many)
    assert len(storage.runs("t")) == 100


@SQLITE_ONLY
def test_a_disk_that_fills_up_in_a_migration_leaves_no_table(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    monkeypatch.setattr(MigrationContext, "stamp", full)
    assert "disk is full" in fails(StorageError, lambda: Storage.open(url))
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()
    monkeypatch.undo()
    with Storage.open(url) as storage:
        assert storage.studies() == []


@SQLITE_ONLY
def test_a_locked_database(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.05)
    with Storage.open(url) as storage:
        other = sqlite3.connect(tmp_path / "studies.db")
        other.execute("BEGIN IMMEDIATE")
        message = fails(StorageError, lambda: storage.save_study(SPEC, digest(SPEC)))
        other.rollback()
        other.close()
        assert "kept it locked" in message
        storage.save_study(SPEC, digest(SPEC))


def test_a_database_of_a_newer_release(storage: Storage, url: str) -> None:
    with storage.optuna.engine.begin() as connection:
        connection.execute(text("UPDATE qsched_alembic_version SET version_num = 'v9.0.0'"))
    message = fails(VersionError, lambda: Storage.open(url))
    assert f"up to schema {HEAD}" in message
    assert "has v9.0.0; install the newer qsched" in message


@SQLITE_ONLY
def test_a_database_of_another_program_stays_as_it_is(tmp_path: Path, url: str) -> None:
    file = tmp_path / "studies.db"
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE studies (id INTEGER)")
    other.commit()
    other.close()
    before = file.read_bytes()
    assert "another program" in fails(VersionError, lambda: Storage.open(url))
    assert "another program" in fails(VersionError, lambda: Storage.open(url, create=False))
    assert file.read_bytes() == before


def test_a_study_of_a_release_with_other_study_files(storage: Storage) -> None:
    with storage.optuna.engine.begin() as connection:
        connection.execute(text("""UPDATE qsched_studies SET spec = '{"name": "t"}'"""))
    message = fails(VersionError, lambda: storage.study("t"))
    assert "`t` has task: Field required; use the release that stored it" in message


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("studies.db", "such as `sqlite:///FILE`, but got `studies.db`"),
        ("nosuch://host/name", "needs a driver that is not installed"),
    ],
)
def test_urls_that_name_no_database(url: str, found: str) -> None:
    assert found in fails(InputError, lambda: Storage.open(url))


def test_a_password_is_not_shown() -> None:
    url = make_url("postgresql://me:secret@host/db")
    assert "secret" not in engine.shown(Mock(url=url))


@SQLITE_ONLY
def test_pragmas_hold_on_all_connections(storage: Storage) -> None:
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    pool = storage.optuna.engine
    with pool.connect() as first, pool.connect() as second:
        for connection in (first, second):
            values = [connection.scalar(text(f"PRAGMA {pragma}")) for pragma in pragmas]
            assert values == ["wal", 1, 1, 30_000]
