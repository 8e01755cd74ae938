"""A server for tests: a finished study, stopped and waiting ones, and no process that trains."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient

from qsched.execution import Inline
from qsched.files import Document
from qsched.service.access import Role
from qsched.service.app import create_app
from qsched.service.launcher import Child, Launcher
from qsched.service.settings import Limits, Settings
from qsched.service.tokens import TokenFile
from qsched.specs import StudySpec
from qsched.specs.files import read_study
from qsched.storage import Storage
from qsched.study import run_study
from qsched.study.noted import noted
from tests.service.immediate import Immediate
from tests.study import surrogate
from tests.study.toy import TOY

__all__ = ["HOST", "YAML", "Failing", "Idle", "Served", "served", "study_file"]

HOST = "http://localhost"
YAML = {"Content-Type": "application/yaml"}


class Idle:
    """Starts nothing, as a machine without room for a process: studies wait."""

    def start(self, spec: StudySpec) -> Child:
        """Fail."""
        raise OSError("no room")

    def last_errors(self, spec: StudySpec) -> str:
        """Say nothing."""
        return ""


class Failing:
    """Starts processes that have failed already."""

    def start(self, spec: StudySpec) -> Child:
        """Start a program that fails at once."""
        handle = subprocess.Popen(["/bin/false"])
        handle.wait()
        return Child(handle.pid, "ended", handle)

    def last_errors(self, spec: StudySpec) -> str:
        """Say why."""
        return "error: no luck"


@dataclass(frozen=True)
class Served:
    """A server and clients of it.

    Attributes:
        app: the application; it has started.
        settings: its settings.
        tokens: a token of each role; empty for a server without a token file.
    """

    app: FastAPI
    settings: Settings
    tokens: dict[Role, str]

    def client(self, role: Role | None = Role.EDITOR, *, browser: bool = False) -> TestClient:
        """Return a client with the token of a role, or that has logged in with it."""
        client = TestClient(self.app, HOST, follow_redirects=False)
        if role is None or not self.tokens:
            return client
        if browser:
            answer = client.post("/login", data={"token": self.tokens[role]})
            assert answer.status_code == 303
        else:
            client.headers["Authorization"] = f"Bearer {self.tokens[role]}"
        return client


def study_file(**changes: object) -> str:
    """Return the toy study as YAML text, keys at the top changed."""
    return yaml.safe_dump({**yaml.safe_load(TOY), **changes})


@contextmanager
def served(
    folder: Path,
    *,
    tokens: bool = True,
    launcher: Launcher | None = None,
    limits: Limits | None = None,
    url: str | None = None,
    start: bool = True,
    refresh: float = 0.0,
) -> Iterator[Served]:
    """Serve a database with the toy study, finished on a surrogate, and one that was stopped.

    Args:
        folder: for all its files.
        tokens: whether there is a token file; without, the server is open.
        launcher: starts studies; None starts none.
        limits: of the server.
        url: its public address.
        start: whether to start it: to run its lifespan.
        refresh: seconds for which a study's state is taken from memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = f"sqlite:///{folder}/qsched.db"
    with Storage.open(database) as storage:
        spec = read_study(Document.of(TOY))
        observe = noted(storage, spec.name, lambda progress: None)
        run_study(spec, storage, Inline(surrogate.train), observe)
        stopped = read_study(Document.of(study_file(name="stopped")))
        storage.save_study(stopped, "0" * 64)
        storage.set_state("stopped", "interrupted")
    file = TokenFile(folder / "tokens.json")
    settings = Settings(
        database,
        folder / "served",
        tokens=file.path if tokens else None,
        refresh=refresh,
        url=url,
        limits=limits or Limits(),
    )
    made = {role: file.create(role.value, role) for role in Role} if tokens else {}
    app = create_app(settings, launcher or Idle(), Immediate())
    with TestClient(app, HOST) if start else nullcontext():
        yield Served(app, settings, made)
