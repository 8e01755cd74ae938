"""Studies as processes: how many run, how they stop, what a restart and a death change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qsched.files import Document
from qsched.service import supervisor as module
from qsched.service.errors import BusyError, StateError
from qsched.service.jobs import NOTE, Job
from qsched.service.launcher import Child, Subprocesses
from qsched.service.pool import Pool
from qsched.service.process import alive, send, started
from qsched.service.settings import Limits, Settings
from qsched.service.supervisor import Supervisor
from qsched.specs import StudySpec, digest
from qsched.specs.files import load_study, read_study
from tests.service.served import study_file

_SLEEPS = """
import signal, time
signal.signal(signal.SIGINT, signal.{answer})
print("ready", flush=True)
time.sleep(600)
"""
PATIENT = _SLEEPS.format(answer="SIG_DFL")
DEAF = _SLEEPS.format(answer="SIG_IGN")
WRONG = "import sys; sys.exit(2)"


class Scripts:
    """Starts Python programs in place of studies."""

    def __init__(self, program: str = PATIENT) -> None:
        self.program = program
        self.started: list[str] = []
        self.handles: list[subprocess.Popen[bytes]] = []

    def start(self, spec: StudySpec) -> Child:
        """Start the program; a signal before it is ready would meet the interpreter's start."""
        handle = subprocess.Popen(
            [sys.executable, "-S", "-c", self.program], stdout=subprocess.PIPE
        )
        assert handle.stdout is not None
        handle.stdout.readline()  # Or its end.
        handle.stdout.close()
        self.started.append(spec.name)
        self.handles.append(handle)
        return Child(handle.pid, started(handle.pid) or "", handle)

    def last_errors(self, spec: StudySpec) -> str:
        """Say why it failed."""
        return f"error: {spec.name} fails"


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = Pool(f"sqlite:///{tmp_path}/qsched.db")
    yield pool
    pool.close()


@pytest.fixture
def scripts() -> Iterator[Scripts]:
    scripts = Scripts()
    yield scripts
    for handle in scripts.handles:
        handle.kill()
        handle.wait()


def _spec(name: str) -> StudySpec:
    return read_study(Document.of(study_file(name=name)))


def _stored(pool: Pool, *names: str) -> list[StudySpec]:
    specs = [_spec(name) for name in names]
    with pool.storage() as storage:
        for spec in specs:
            storage.save_study(spec, digest(spec))
    return specs


def _state(pool: Pool, name: str) -> str:
    with pool.storage() as storage:
        return storage.study(name).state


def _job(pool: Pool, name: str) -> Job:
    with pool.storage() as storage:
        job = Job.of(storage.study(name).notes)
    assert job is not None
    return job


def _until(supervisor: Supervisor, reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)
        supervisor.tick()


def test_some_run_and_others_wait_in_order(pool: Pool, scripts: Scripts) -> None:
    supervisor = Supervisor(pool, scripts, Limits(studies=2, waiting=2))
    specs = _stored(pool, "a", "b", "c", "d", "e")
    for spec in specs[:4]:
        supervisor.run(spec)
    assert scripts.started == ["a", "b"]
    assert supervisor.counts() == {"running": 2, "waiting": 2, "stopping": 0}
    assert [supervisor.phase(name) for name in "abcde"] == ["running"] * 2 + ["waiting"] * 2 + [
        None
    ]
    with pytest.raises(BusyError, match="2 studies wait already"):
        supervisor.run(specs[4])
    supervisor.run(specs[0])  # It runs already.
    supervisor.stop("b")
    assert supervisor.phase("b") == "stopping"
    with pytest.raises(StateError, match="is being stopped"):
        supervisor.run(specs[1])
    _until(supervisor, lambda: supervisor.phase("c") == "running")
    assert scripts.started == ["a", "b", "c"]
    assert _state(pool, "b") == "interrupted"
    assert scripts.handles[1].returncode == -signal.SIGINT


def test_what_waits_stops_at_once(pool: Pool, scripts: Scripts) -> None:
    supervisor = Supervisor(pool, scripts, Limits(studies=1))
    for spec in _stored(pool, "a", "b"):
        supervisor.run(spec)
    supervisor.stop("b")
    assert (supervisor.phase("b"), _state(pool, "b")) == (None, "interrupted")
    with pytest.raises(StateError, match="does not run"):
        supervisor.stop("b")


def test_a_deaf_study_is_killed_in_the_end(
    pool: Pool, scripts: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    scripts.program = DEAF
    supervisor = Supervisor(pool, scripts, Limits())
    supervisor.run(*_stored(pool, "a"))
    supervisor.stop("a")
    _until(supervisor, lambda: supervisor.phase("a") is None)
    assert _state(pool, "a") == "interrupted"


def test_a_study_that_fails_is_not_tried_again(pool: Pool, scripts: Scripts) -> None:
    scripts.program = WRONG
    supervisor = Supervisor(pool, scripts, Limits())
    (spec,) = _stored(pool, "a")
    supervisor.run(spec)
    _until(supervisor, lambda: supervisor.phase("a") is None)
    assert (_state(pool, "a"), scripts.started) == ("failed", ["a"])
    assert _job(pool, "a").reason == "error: a fails"
    scripts.program = PATIENT
    supervisor.run(spec)
    assert supervisor.phase("a") == "running"


def test_a_study_that_is_killed_is_resumed_twice(pool: Pool, scripts: Scripts) -> None:
    supervisor = Supervisor(pool, scripts, Limits())
    supervisor.run(*_stored(pool, "a"))
    for count in (2, 3):
        scripts.handles[-1].kill()
        _until(supervisor, lambda wanted=count: len(scripts.started) == wanted)
        assert supervisor.phase("a") == "running"
    scripts.handles[-1].kill()
    _until(supervisor, lambda: supervisor.phase("a") is None)
    assert _state(pool, "a") == "failed"
    assert len(scripts.started) == 3


def test_a_finished_study_needs_nothing_more(pool: Pool, scripts: Scripts) -> None:
    supervisor = Supervisor(pool, scripts, Limits())
    supervisor.run(*_stored(pool, "a"))
    with pool.storage() as storage:
        storage.set_state("a", "finished")
    scripts.handles[0].kill()
    _until(supervisor, lambda: supervisor.phase("a") is None)
    assert (_state(pool, "a"), scripts.started) == ("finished", ["a"])


def test_a_restart_watches_what_lives_and_resumes_what_died(
    pool: Pool, scripts: Scripts, tmp_path: Path
) -> None:
    first = Supervisor(pool, scripts, Limits(studies=3))
    for spec in _stored(pool, "lives", "dies", "ends", "waits"):
        first.run(spec)
    first.close()
    lives, dies, ends = scripts.handles
    with pool.storage() as storage:
        storage.set_state("ends", "finished")
    for handle in (dies, ends):
        handle.kill()
        handle.wait()

    second = Supervisor(pool, scripts, Limits(studies=3))
    second.start()
    try:
        _until(second, lambda: second.phase("waits") == "running")
        assert second.healthy
        assert lives.poll() is None
        assert [second.phase(n) for n in ("lives", "dies", "ends")] == ["running", "running", None]
        assert sorted(scripts.started[3:]) == ["dies", "waits"]
        assert _job(pool, "lives").pid == lives.pid
        # The new server is not the parent of this process, and stops it all the same.
        second.stop("lives")
        lives.wait(60)
        _until(second, lambda: second.phase("lives") is None)
        assert _state(pool, "lives") == "interrupted"
    finally:
        second.close()
    assert not second.healthy


def test_a_stop_outlives_the_server(pool: Pool, scripts: Scripts) -> None:
    scripts.program = DEAF
    first = Supervisor(pool, scripts, Limits())
    first.run(*_stored(pool, "a"))
    first.stop("a")
    scripts.handles[0].kill()
    scripts.handles[0].wait()
    second = Supervisor(pool, scripts, Limits())
    second.start()
    second.close()
    assert second.phase("a") is None
    assert _state(pool, "a") == "interrupted"
    assert _job(pool, "a").wanted == "stop"


def test_a_machine_without_room_lets_a_study_wait(pool: Pool) -> None:
    class Full(Scripts):
        def start(self, spec: StudySpec) -> Child:
            raise OSError("no room")

    supervisor = Supervisor(pool, Full(), Limits())
    supervisor.run(*_stored(pool, "a"))
    assert supervisor.phase("a") == "waiting"


def test_processes_are_told_apart() -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", PATIENT]) as handle:
        since = started(handle.pid)
        assert since is not None
        assert alive(handle.pid, since)
        assert not alive(handle.pid, since + "1")
        assert not send(handle.pid, since + "1", signal.SIGKILL)
        assert handle.poll() is None
        assert send(handle.pid, since, signal.SIGKILL)
        end = time.monotonic() + 30
        while started(handle.pid) is not None and time.monotonic() < end:
            time.sleep(0.01)
        assert started(handle.pid) is None  # Nobody has asked for its exit code yet.
    assert not send(handle.pid, since, signal.SIGKILL)
    assert started(os.getpid()) is not None


def test_a_study_is_started_without_shell_and_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}

    class Popen:
        pid = os.getpid()

        def __init__(self, command: list[str], **options: object) -> None:
            seen.update(options, command=command)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    monkeypatch.setenv("QSCHED_TOKEN", "secret")
    database = "postgresql+psycopg://me:password@host/studies"
    settings = Settings(database, tmp_path, address="head:10001", workers=3)
    spec = _spec("a")
    launcher = Subprocesses(settings)
    launcher.start(spec)
    folder = tmp_path / "studies" / digest(spec)[:16]
    command = seen["command"]
    assert isinstance(command, list)
    assert command[0] == sys.executable
    assert command[-6:] == ["--out", str(folder), "--address", "head:10001", "--workers", "3"]
    assert "password" not in " ".join(command)
    assert "shell" not in seen
    assert seen["start_new_session"] is True
    environment = seen["env"]
    assert isinstance(environment, dict)
    assert environment["QSCHED_DB"] == database
    assert "QSCHED_TOKEN" not in environment
    assert load_study(folder / "study.yaml") == spec
    (folder / "log.txt").write_text("a: search\nerror: out of memory\nerror: really\n")
    assert launcher.last_errors(spec) == "error: out of memory\nerror: really"
    assert launcher.last_errors(_spec("b")) == ""


def test_a_real_study_stops_and_goes_on(pool: Pool, tmp_path: Path) -> None:
    settings = Settings(f"sqlite:///{tmp_path}/qsched.db", tmp_path / "served", workers=1)
    supervisor = Supervisor(pool, Subprocesses(settings), Limits())
    (spec,) = _stored(pool, "real")
    supervisor.run(spec)
    log = tmp_path / "served" / "studies" / digest(spec)[:16] / "log.txt"
    _until(supervisor, lambda: "real: " in log.read_text())
    pid = _job(pool, "real").pid
    assert pid is not None
    supervisor.stop("real")
    _until(supervisor, lambda: supervisor.phase("real") is None)
    assert _state(pool, "real") == "interrupted"
    with pool.storage() as storage:
        assert NOTE in storage.study("real").notes
        assert storage.study("real").notes["progress"]["phase"] == "baselines"
    assert started(pid) is None
