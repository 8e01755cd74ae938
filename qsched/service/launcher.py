"""How a study is started: ``qsched run`` in a process of its own, never through a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qsched.files import to_yaml
from qsched.service.process import alive, started
from qsched.service.settings import Settings
from qsched.specs import StudySpec, digest

__all__ = ["Child", "Launcher", "Subprocesses"]

_TAIL = 2_000


@dataclass
class Child:
    """A process that runs a study.

    Attributes:
        pid: its number.
        since: when it was started, see :func:`qsched.service.process.started`.
        handle: what reaps it; None for one that an earlier server started.
    """

    pid: int
    since: str
    handle: subprocess.Popen[bytes] | None = None

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        if self.handle is not None:
            return self.handle.poll() is not None
        return not alive(self.pid, self.since)

    @property
    def code(self) -> int | None:
        """Its exit code (negative: a signal's number); None if it runs, or if nobody knows."""
        return self.handle.returncode if self.handle is not None else None


class Launcher(Protocol):
    """Starts studies."""

    def start(self, spec: StudySpec) -> Child:
        """Start or resume a study.

        Raises:
            OSError: no process can be started.
        """
        ...

    def last_errors(self, spec: StudySpec) -> str:
        """Return the last errors that the study's process wrote."""
        ...


class Subprocesses:
    """Starts every study as a process of this machine.

    Its files lie in a folder named by the study's hash: nothing that a stranger wrote becomes a
    path. It leads a session of its own, so that what ends the server does not end the study.

    Args:
        settings: the server's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self, spec: StudySpec) -> Child:
        """Start or resume a study; see :meth:`Launcher.start`."""
        folder = self._folder(spec)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "study.yaml"
        file.write_text(to_yaml(spec.model_dump(mode="json")), encoding="utf-8")
        with open(folder / "log.txt", "ab") as log:
            handle = subprocess.Popen(
                self._command(file, folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
            )
        return Child(handle.pid, started(handle.pid) or "", handle)

    def last_errors(self, spec: StudySpec) -> str:
        """Return the last errors of a study's log, or its last line."""
        try:
            with open(self._folder(spec) / "log.txt", "rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        errors = [line for line in lines if line.startswith("error: ")]
        return "\n".join(errors or lines[-1:])

    def _folder(self, spec: StudySpec) -> Path:
        return self._settings.folder.absolute() / "studies" / digest(spec)[:16]

    def _command(self, file: Path, folder: Path) -> Sequence[str]:
        # Without the current folder on its path: nothing there can pose as a module.
        command = [
            sys.executable,
            "-P",
            "-m",
            "qsched.cli",
            "run",
            str(file),
            "--out",
            str(folder),
        ]
        if self._settings.address is not None:
            command += ["--address", self._settings.address]
        if self._settings.gpus:
            command += ["--gpus", f"{self._settings.gpus:g}"]
        if self._settings.workers is not None:
            command += ["--workers", str(self._settings.workers)]
        return command

    def _environment(self) -> dict[str, str]:
        """Return the child's environment: the database's password is for no list of processes."""
        kept = {name: value for name, value in os.environ.items() if name != "QSCHED_TOKEN"}
        return kept | {"QSCHED_DB": self._settings.database}
