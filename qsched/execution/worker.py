"""The process of one worker: takes cohorts, trains them, answers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

from qsched.errors import InputError, QschedError, TrainingError
from qsched.execution.cohorts import Cohort
from qsched.execution.executor import Train, train_checked
from qsched.plugins import Plugin
from qsched.specs import RunResult

__all__ = ["BEAT", "Done", "Duty", "Failed", "Outcome", "Ready", "loaded", "trained", "work"]

BEAT = 1.0
"""Seconds between two signs of life of a worker."""


@dataclass(frozen=True)
class Ready:
    """The worker has loaded its plugins and takes cohorts."""


@dataclass(frozen=True)
class Done:
    """A cohort is trained."""

    results: list[RunResult]


@dataclass(frozen=True)
class Failed:
    """A cohort could not be trained."""

    error: QschedError


Outcome = Ready | Done | Failed


@dataclass(frozen=True)
class Duty:
    """What a worker does.

    Attributes:
        train: the training function.
        plugins: loaded first.
        initializer: called next, if there is one.
    """

    train: Train
    plugins: Sequence[Plugin]
    initializer: Callable[[], object] | None = None


def work(
    connection: Connection[Outcome, Cohort],
    pulse: Connection[None, None],
    duty: Duty,
) -> None:
    """Serve cohorts until the other end closes ``connection``, or the parent process dies.

    A second thread says through ``pulse`` that the process lives; training lets other threads go
    on.
    """
    # Ctrl-C reaches every process of a terminal; the main one decides what becomes of workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    threading.Thread(target=_beat, args=(pulse,), daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        outcome = loaded(duty.plugins)
        # Before the initializer: who dies in it has lost a cohort like any other.
        connection.send(outcome)
        if isinstance(outcome, Failed):
            return
        if duty.initializer is not None:
            with suppress(Exception):  # Training will raise it, where it is heard.
                duty.initializer()
        while True:
            connection.send(trained(duty.train, connection.recv()))


def loaded(plugins: Sequence[Plugin]) -> Outcome:
    """Load plugins; a mistake in one of them is an outcome."""
    try:
        for plugin in plugins:
            plugin.load()
    except InputError as error:
        return Failed(error)
    return Ready()


def trained(train: Train, cohort: Cohort) -> Outcome:
    """Train a cohort; what it raises is an outcome."""
    try:
        return Done(train_checked(train, cohort))
    except QschedError as error:
        return Failed(_portable(error))


def _portable(error: QschedError) -> QschedError:
    """Return an error of which the other end knows the class: a plugin may have its own."""
    if type(error).__module__ == QschedError.__module__:
        return error
    return InputError(str(error)) if isinstance(error, InputError) else TrainingError(str(error))


def _beat(pulse: Connection[None, None]) -> None:
    with suppress(OSError):
        while True:
            pulse.send(None)
            time.sleep(BEAT)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        # Not sys.exit: training goes on in the main thread and nobody is left to hear of it.
        os._exit(1)
