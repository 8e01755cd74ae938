"""The studies that a server runs: started in turn, watched, stopped, picked up after a restart.

What is wanted of a study and which process runs it stand in the database. So a server that comes
back finds its studies: those whose process lives are watched again, those whose process died are
resumed. Nothing is lost by a death: a study stores every result as it comes.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import Literal

from qsched.errors import QschedError
from qsched.service.errors import BusyError, StateError
from qsched.service.jobs import NOTE, Job
from qsched.service.launcher import Child, Launcher
from qsched.service.pool import Pool
from qsched.service.process import alive, send
from qsched.service.settings import Limits
from qsched.specs import StudySpec, digest
from qsched.storage import Storage

__all__ = ["Phase", "Supervisor"]

Phase = Literal["waiting", "running", "stopping"]

_log = logging.getLogger("qsched.service")
_PERIOD = 0.5
_PATIENCE = 60.0
"""Seconds that a study has to stop before its process is killed, which loses its last cohorts."""
_DEATHS = 3


class Supervisor:
    """Runs studies, a limited number at a time.

    Args:
        pool: the study database.
        launcher: starts processes.
        limits: how many studies run and wait.
    """

    def __init__(self, pool: Pool, launcher: Launcher, limits: Limits) -> None:
        self._pool, self._launcher, self._limits = pool, launcher, limits
        self._lock = threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._children: dict[str, Child] = {}
        self._asked: dict[str, float] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="qsched-studies", daemon=True)

    def start(self) -> None:
        """Pick up the studies of an earlier server, and watch from now on."""
        with self._lock, self._pool.storage() as storage:
            for row in storage.studies():
                job = Job.of(row.notes)
                if job is not None and (job.wanted == "run" or job.pid is not None):
                    self._adopt(row.name, job)
        self._thread.start()

    def close(self) -> None:
        """Watch no longer. Studies go on."""
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def healthy(self) -> bool:
        """Whether studies are being watched."""
        return self._thread.is_alive()

    def phase(self, name: str) -> Phase | None:
        """Return what the server does with a study; None is nothing."""
        with self._lock:
            job = self._jobs.get(name)
            if job is None:
                return None
            if job.wanted == "stop":
                return "stopping"
            return "waiting" if job.pid is None else "running"

    def counts(self) -> dict[Phase, int]:
        """Return how many studies run, wait, and are being stopped."""
        with self._lock:
            phases = [self.phase(name) for name in self._jobs]
        return {phase: phases.count(phase) for phase in ("running", "waiting", "stopping")}

    def run(self, spec: StudySpec) -> None:
        """Run a study that is stored, or resume it, when there is room.

        Raises:
            BusyError: too many studies wait already.
            StateError: it is just being stopped.
        """
        with self._lock:
            known = self._jobs.get(spec.name)
            if known is not None and known.wanted == "stop":
                raise StateError(f"`{spec.name}` is being stopped; resume it when it has stopped")
            if known is not None:
                return
            self.check_room()
            self._jobs[spec.name] = Job(order=time.time())
            self._store(spec.name)
        self.tick()

    def check_room(self) -> None:
        """Raise BusyError if no further study may wait."""
        waiting = self.counts()["waiting"]
        if waiting >= self._limits.waiting:
            raise BusyError(f"{waiting} studies wait already, and no more may; try again later")

    def stop(self, name: str) -> None:
        """Let a study stop: as Ctrl-C would, after what it trains just now.

        Raises:
            StateError: this server does not run it.
        """
        with self._lock, self._pool.storage() as storage:
            job = self._jobs.get(name)
            if job is None:
                raise StateError(f"this server does not run `{name}`, so it cannot stop it")
            if job.wanted == "run":
                job.wanted = "stop"
                self._asked[name] = time.monotonic()
                if job.pid is None:
                    storage.set_state(name, "interrupted")
                    self._forget(name)
                    return
                self._store(name)
            if job.pid is not None:
                send(job.pid, job.since, signal.SIGINT)

    def tick(self) -> None:
        """Look after all studies once."""
        with self._lock:
            for name in list(self._jobs):
                self._look_after(name)
            running = sum(job.pid is not None for job in self._jobs.values())
            waiting = [name for name, job in self._jobs.items() if job.pid is None]
            waiting.sort(key=lambda name: self._jobs[name].order)
            for name in waiting[: max(0, self._limits.studies - running)]:
                self._launch(name)

    def _watch(self) -> None:
        while not self._end.wait(_PERIOD):
            try:
                self.tick()
            except QschedError as error:
                _log.warning("studies are not watched just now: %s", error)
            except Exception:
                _log.exception("studies are not watched just now")

    def _adopt(self, name: str, job: Job) -> None:
        self._jobs[name] = job
        if job.pid is None:
            return
        if alive(job.pid, job.since):
            self._children[name] = Child(job.pid, job.since)
            return
        # It ended, or the machine did, while no server watched.
        job.pid = None
        with self._pool.storage() as storage:
            if storage.study(name).state in ("finished", "failed") or job.wanted == "stop":
                self._ended(storage, name, None)

    def _look_after(self, name: str) -> None:
        job, child = self._jobs[name], self._children.get(name)
        if job.pid is None or child is None:
            return
        if not child.ended:
            if job.wanted == "stop" and self._overdue(name):
                send(child.pid, child.since, signal.SIGKILL)
            return
        job.pid = None
        try:
            with self._pool.storage() as storage:
                self._ended(storage, name, child.code)
        except QschedError:
            job.pid = child.pid  # The database is away; its end is noted later.
            raise
        self._children.pop(name)

    def _overdue(self, name: str) -> bool:
        return time.monotonic() - self._asked.setdefault(name, time.monotonic()) > _PATIENCE

    def _ended(self, storage: Storage, name: str, code: int | None) -> None:
        """Take note of the end of a study's process; resume the study if it was killed."""
        job, row = self._jobs[name], storage.study(name)
        if row.state == "finished":
            self._forget(name)
            return
        if job.wanted == "stop" or row.state == "interrupted":
            storage.set_state(name, "interrupted")
            self._forget(name)
            return
        job.deaths += 1
        failed = row.state == "failed" or (code is not None and code > 0)
        if not failed and job.deaths < _DEATHS:
            _log.warning("the process of study %s ended (%s); it is resumed", name, code)
            self._store(name)
            return
        words = self._launcher.last_errors(row.spec)
        job.reason = words or f"its process ended {job.deaths} times ({code})"
        _log.warning("study %s failed: %s", name, job.reason)
        storage.set_state(name, "failed")
        self._forget(name)

    def _launch(self, name: str) -> None:
        with self._pool.storage() as storage:
            spec = storage.study(name).spec
        job = self._jobs[name]
        try:
            child = self._launcher.start(spec)
        except OSError as error:
            _log.warning("study %s cannot be started yet: %s", name, error)
            return
        _log.info("study %s runs as process %d (%s)", name, child.pid, digest(spec)[:12])
        self._children[name] = child
        job.pid, job.since = child.pid, child.since
        self._store(name)

    def _forget(self, name: str) -> None:
        """Store that nothing more is wanted of a study."""
        self._jobs[name].wanted = "stop"
        self._store(name)
        self._jobs.pop(name)
        self._asked.pop(name, None)

    def _store(self, name: str) -> None:
        with self._pool.storage() as storage:
            storage.set_note(name, NOTE, self._jobs[name].model_dump(mode="json"))
