"""The process that draws: of lower priority, one task at a time, gone with the server."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from qsched.errors import InputError, QschedError, StorageError, UnknownNameError
from qsched.service.app import create_app
from qsched.service.background import BackgroundProcess, Outcome
from qsched.service.process import started
from qsched.service.settings import Settings
from qsched.storage import Storage
from tests.report import fabricate
from tests.service.served import Idle

WAIT = 120.0


def about() -> tuple[int, int]:
    """Return the number of the process and its priority."""
    return os.getpid(), os.nice(0)


def fail(kind: str) -> None:
    """Fail in one of several ways."""
    match kind:
        case "name":
            raise UnknownNameError("study", "x", ("y",))
        case "storage":
            raise StorageError("the disk is full")
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case _:
            raise ZeroDivisionError


def write(path: Path, text: str, before: Path | None = None) -> None:
    """Append to a file, once another one is there."""
    while before is not None and not before.exists():
        time.sleep(0.01)
    with open(path, "a") as file:
        file.write(text)


@pytest.fixture(scope="module")
def background() -> Iterator[BackgroundProcess]:
    """One process for all tests."""
    background = BackgroundProcess()
    yield background
    background.close()


def test_it_is_another_process_of_lower_priority(background: BackgroundProcess) -> None:
    number, nice = background.call(about)
    assert number != os.getpid()
    assert nice == min(19, os.nice(0) + 5)
    assert background.call(about)[0] == number


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("name", InputError, "unknown study `x`"),
        ("storage", StorageError, "the disk is full"),
        ("bug", QschedError, "a fault of the server"),
    ],
)
def test_errors_arrive_as_what_they_are(
    background: BackgroundProcess, kind: str, error: type[QschedError], words: str
) -> None:
    with pytest.raises(error, match=words):
        background.call(fail, kind)


def test_a_process_that_is_killed_is_replaced(background: BackgroundProcess) -> None:
    before = background.call(about)[0]
    with pytest.raises(StorageError, match="has ended; ask again"):
        background.call(fail, "killed")
    assert background.call(about)[0] != before


def test_tasks_come_one_after_the_other_and_once(
    background: BackgroundProcess, tmp_path: Path
) -> None:
    found: list[Outcome[None]] = []
    last = threading.Event()
    go, log = tmp_path / "go", tmp_path / "log"

    def ended(outcome: Outcome[None]) -> None:
        found.append(outcome)
        if len(found) == 2:
            last.set()

    background.submit("a", ended, write, log, "a", go)
    background.submit("b", ended, write, log, "b")
    for _ in range(5):
        background.submit("a", ended, write, log, "a")  # One of this name is under way.
    assert not log.exists()
    go.touch()
    assert last.wait(WAIT)
    assert log.read_text() == "ab"
    assert all(each.error is None and each.seconds >= 0 for each in found)


def test_closing_ends_the_process_and_what_it_does(tmp_path: Path) -> None:
    background = BackgroundProcess()
    number = background.call(about)[0]
    found: list[Outcome[None]] = []
    background.submit("never", found.append, write, tmp_path / "log", "x", tmp_path / "never")
    background.submit("waits", found.append, write, tmp_path / "log", "x")
    background.close()
    assert started(number) is None
    assert all(each.error is not None for each in found)
    assert not (tmp_path / "log").exists()
    background.submit("late", found.append, write, tmp_path / "log", "x")
    with pytest.raises(StorageError):
        background.call(about)


def test_a_page_is_there_before_its_figures_and_polls_say_when_they_are(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/qsched.db"
    with Storage.open(database) as storage:
        spec = fabricate.spec("done", candidates=24)
        fabricate.confirm(storage, spec, fabricate.search(storage, spec))
        verdict = storage.study("done").verdict
    assert verdict is not None
    app = create_app(Settings(database, tmp_path / "served", refresh=0.0), Idle())
    with TestClient(app, "http://localhost") as client:
        page = client.get("/studies/done").text
        assert verdict["sentence"].split(":")[0] in page
        assert "p-value" in page
        assert "Figures are being drawn" in page
        assert 'data-live="/parts/studies/done"' in page
        assert "plotly.js" in page
        end = time.monotonic() + WAIT
        while 'data-version="finished-' not in client.get("/parts/studies/done").text:
            assert time.monotonic() < end
            time.sleep(0.2)
        page = client.get("/studies/done").text
        assert "being drawn" not in page
        assert "data-live" not in page
        assert 'id="data-regret"' in page
        assert client.get("/v1/studies/done/report").text.startswith("<!DOCTYPE html>")
