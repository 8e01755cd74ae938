"""The process of one worker: takes cohorts, trains them, answers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path

from qsched.errors import InputError, QschedError, TrainingError
from qsched.execution.cohorts import Cohort
from qsched.execution.executor import Train, train_checked
from qsched.plugins import load_plugin
from qsched.specs import RunResult

__all__ = ["Done", "Failed", "Outcome", "Ready", "work"]


@dataclass(frozen=True)
class Ready:
    """The worker has loaded everything and waits for cohorts."""


@dataclass(frozen=True)
class Done:
    """A cohort is trained."""

    results: list[RunResult]


@dataclass(frozen=True)
class Failed:
    """A cohort could not be trained; ``mendable``: it is the input's fault."""

    message: str
    mendable: bool

    def error(self) -> QschedError:
        """Return it as an exception (exceptions themselves need not survive pickling)."""
        return InputError(self.message) if self.mendable else TrainingError(self.message)


Outcome = Ready | Done | Failed


def work(connection: Connection[Outcome, Cohort], train: Train, plugins: Sequence[Path]) -> None:
    """Serve cohorts until the other end closes ``connection``, or the parent process dies."""
    # Ctrl-C reaches every process of a terminal; the main one decides what becomes of workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        outcome = _loaded(plugins)
        connection.send(outcome)
        while isinstance(outcome, Ready):
            connection.send(_trained(train, connection.recv()))


def _loaded(plugins: Sequence[Path]) -> Outcome:
    try:
        for path in plugins:
            load_plugin(path)
    except InputError as error:
        return Failed(str(error), mendable=True)
    return Ready()


def _trained(train: Train, cohort: Cohort) -> Outcome:
    try:
        return Done(train_checked(train, cohort))
    except QschedError as error:
        return Failed(str(error), mendable=isinstance(error, InputError))


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        # Not sys.exit: training goes on in the main thread and nobody is left to hear of it.
        os._exit(1)
