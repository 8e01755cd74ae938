"""Commands with ``--server``: the same output as here, and refusals in words."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from qsched.errors import QschedError
from qsched.service.access import Role
from qsched.service.app import create_app
from qsched.service.launcher import Child
from qsched.service.process import started
from qsched.service.settings import Settings
from qsched.service.tokens import TokenFile
from qsched.specs import StudySpec
from tests.cli.conftest import Qsched
from tests.study.toy import TOY

ROOT = Path(__file__).parents[2]
_STUDY = """
import sys
from qsched.execution import Inline
from qsched.specs import StudySpec
from qsched.storage import Storage
from qsched.study import run_study
from qsched.study.noted import noted
from tests.study import surrogate
spec = StudySpec.model_validate_json(sys.argv[2])
with Storage.open(sys.argv[1]) as storage:
    observe = noted(storage, spec.name, lambda progress: None)
    run_study(spec, storage, Inline(surrogate.train), observe)
"""


class Surrogates:
    """Runs studies on a surrogate, in processes; those called ``broken`` fail."""

    def __init__(self, database: str) -> None:
        self._database = database

    def start(self, spec: StudySpec) -> Child:
        """Start a study."""
        program = "raise SystemExit(1)" if spec.name == "broken" else _STUDY
        arguments = [self._database, spec.model_dump_json()]
        handle = subprocess.Popen(
            [sys.executable, "-c", program, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        return Child(handle.pid, started(handle.pid) or "", handle)

    def last_errors(self, spec: StudySpec) -> str:
        """Say why a study failed."""
        return "no luck today"


@dataclass(frozen=True)
class Server:
    """A server on this machine, with its database and a token of each role."""

    url: str
    database: str
    tokens: dict[Role, str]


@contextmanager
def _running(folder: Path) -> Iterator[Server]:
    database = f"sqlite:///{folder}/qsched.db"
    file = TokenFile(folder / "tokens.json")
    tokens = {role: file.create(role.value, role) for role in Role}
    settings = Settings(database, folder / "served", tokens=file.path, refresh=0.1)
    app = create_app(settings, Surrogates(database))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        try:
            yield Server(f"http://127.0.0.1:{listening.getsockname()[1]}", database, tokens)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _running(tmp_path_factory.mktemp("remote")) as server:
        yield server


@pytest.fixture
def there(
    server: Server, qsched: Qsched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Qsched:
    """The command line of an editor of the server, in a folder with the toy study."""
    monkeypatch.setenv("QSCHED_SERVER", server.url)
    monkeypatch.setenv("QSCHED_TOKEN", server.tokens[Role.EDITOR])
    (tmp_path / "toy.yaml").write_text(TOY)
    return qsched


def test_run_there_prints_what_run_here_prints(
    there: Qsched, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = there("run", "toy.yaml")
    assert far.code == 0, far.err
    assert far.err.startswith("toy: ")
    files = {path.name: path.read_text() for path in (tmp_path / "qsched-out/toy").iterdir()}
    shutil.rmtree(tmp_path / "qsched-out")
    monkeypatch.delenv("QSCHED_SERVER")
    near = there("run", "toy.yaml", "--workers", "1")
    assert far.out == near.out
    schedule = (tmp_path / "qsched-out/toy/schedule.yaml").read_text()
    created = next(line for line in schedule.splitlines() if "created:" in line)
    ours = next(line for line in files["schedule.yaml"].splitlines() if "created:" in line)
    assert files["schedule.yaml"].replace(ours, created) == schedule
    assert set(files) == {"report.html", "schedule.yaml"}


def test_other_commands_say_the_same_there_and_here(
    there: Qsched, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert there("run", "toy.yaml").code == 0
    commands = [
        ("status",),
        ("status", "--json"),
        ("status", "toy"),
        ("status", "toy.yaml", "--json"),
        ("export", "toy"),
        ("export", "toy", "--arm", "ana-2019-overlapped"),
        ("export", "toy", "--arm", "none"),
        ("export", "none"),
        ("status", "none"),
        ("ls",),
        ("ls", "tasks", "--json"),
        ("validate", "--all"),
        ("validate", "toy.yaml", "ana", "nowhere.yaml", "faulty.yaml", "--json"),
    ]
    (tmp_path / "faulty.yaml").write_text(TOY.replace("epochs: 10", "epohs: 10"))
    far = [there(*command) for command in commands]
    assert there("report", "toy", "--out", "far/report.html").out.strip() == "far/report.html"
    assert "<html" in (tmp_path / "far/report.html").read_text()
    monkeypatch.delenv("QSCHED_SERVER")
    monkeypatch.setenv("QSCHED_DB", server.database)
    assert far == [there(*command) for command in commands]


def test_a_file_with_a_token_will_do(
    there: Qsched, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("QSCHED_TOKEN")
    refused = there("status")
    assert (refused.code, "QSCHED_TOKEN" in refused.err) == (2, True)
    (tmp_path / "token").write_text(server.tokens[Role.VIEWER] + "\n")
    assert there("status", "--token-file", "token").code == 0
    refused = there("run", "toy.yaml", "--name", "other", "--token-file", "token")
    assert (refused.code, "needs the role editor" in refused.err) == (2, True)
    assert there("status", "--token-file", "missing").code == 2
    (tmp_path / "token").write_text("two words")
    assert "one line" in there("status", "--token-file", "token").err


def test_faults_and_failures_are_told(there: Qsched, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    space = (ROOT / "search_spaces/ana.yaml").read_text()
    (tmp_path / "space.yaml").write_text(space)
    path.write_text(TOY.replace("space: ana", "space: ./space.yaml").replace("toy", "mine"))
    refused = there("run", "mine.yaml")
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "space:" in text)
    assert refused.code == 2
    assert refused.err.startswith(f"error: mine.yaml: line {line}: space: a server reads bundled")
    path.write_text(path.read_text().replace("epochs: ", "epochs: x"))
    refused = there("run", "mine.yaml", "--trials", "1000000")
    assert {line.split(": ")[3] for line in refused.err.splitlines()} == {
        "space",
        "task.epochs",
        "budget.trials",
    }
    path.unlink()
    failed = there("run", "toy.yaml", "--name", "broken")
    assert (failed.code, "no luck today" in failed.err) == (1, True)
    again = there("run", "toy.yaml", "--name", "broken")  # It is resumed, and fails again.
    assert again.code == 1
    changed = there("run", "toy.yaml", "--name", "broken", "--seed", "3")
    assert (changed.code, "another name" in changed.err) == (2, True)
    assert there("stop", "broken").code == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--workers", "2"), "leave out --workers"),
        (("--address", "head"), "leave out --address"),
        (("--server", "ftp://x"), "--server is http"),
        (("--server", "http://[::"), "no URL"),
    ],
)
def test_options_that_do_not_go_together(
    there: Qsched, options: tuple[str, ...], words: str
) -> None:
    refused = there("run", "toy.yaml", *options)
    assert (refused.code, words in refused.err) == (2, True), refused.err


def test_a_server_that_is_not_there_or_no_server(there: Qsched, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gone = there("status", "--server", f"http://127.0.0.1:{port}")
    assert (gone.code, "is the server running" in gone.err) == (1, True)
    other = there("status", "--server", f"{server.url}/assets")
    assert (other.code, "Traceback" in other.err) == (1, False)


def test_a_stream_goes_on_when_the_server_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    from qsched.cli.remote import Remote

    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        if len(asked) == 2:
            raise httpx.ConnectError("gone")
        first = 'event: trial\ndata: {"number": 7}\nid: 7\n\n: still here\n\n'
        last = 'event: end\ndata: {"state": "finished"}\n\n'
        return httpx.Response(200, text=first if len(asked) == 1 else last)

    monkeypatch.setattr("qsched.cli.remote._PAUSE", 0.0)
    client = httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer))
    events = list(Remote(client).events("toy"))
    assert events == [("trial", {"number": 7}), ("end", {"state": "finished"})]
    assert asked == [None, "7", "7"]
    monkeypatch.setattr("qsched.cli.remote._PATIENCE", -1.0)
    asked.append(None)
    asked.clear()
    with pytest.raises(QschedError, match="gone"):
        list(Remote(client).events("toy"))


def test_stop_wants_a_server(qsched: Qsched) -> None:
    refused = qsched("stop", "toy")
    assert (refused.code, "--server" in refused.err) == (2, True)
