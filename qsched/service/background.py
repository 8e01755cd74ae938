"""Work that takes seconds, done by a process of its own: no answer waits for it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, Protocol, TypeVar

import optuna

from qsched.errors import InputError, QschedError, StorageError

__all__ = ["Background", "BackgroundProcess", "Outcome", "outcome"]

T = TypeVar("T")

_log = logging.getLogger("qsched.service")
_SPAWN = get_context("spawn")
_NICE = 5
"""What the process gives way by: a study that wants all cores leaves it a quarter of one."""
_IDLE = 300.0
"""Seconds without a task after which the process ends, and its memory is free."""


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What became of a task.

    Attributes:
        value: what it returned; None where it failed.
        error: why it failed; None where it did not.
        seconds: of computing.
    """

    value: T | None
    error: QschedError | None
    seconds: float


class Background(Protocol):
    """Computes tasks one after the other. May be used by several threads.

    A task is a function at the top of a module; it and its arguments are sent to where it runs.
    """

    def submit(
        self,
        key: Hashable,
        done: Callable[[Outcome[T]], None],
        task: Callable[..., T],
        *args: object,
    ) -> None:
        """Compute a task when its turn comes, and hand its outcome to ``done``.

        Args:
            key: names the task; nothing happens if one of this name waits or is computed.
            done: gets the outcome, in another thread.
            task: the task.
            args: its arguments.
        """
        ...

    def call(self, task: Callable[..., T], *args: object) -> T:
        """Compute a task before those that were submitted, wait for it, and return its value.

        Raises:
            QschedError: it failed.
        """
        ...

    def close(self) -> None:
        """Compute nothing any more; what waits is dropped."""
        ...


class BackgroundProcess:
    """Computes tasks in a process at low priority: a thread would hold up all other threads.

    The process is started by the first task, and again if it ends. It ends with the server.
    """

    def __init__(self) -> None:
        self._turn, self._guard = threading.Lock(), threading.Lock()
        self._queue = ThreadPoolExecutor(1, "qsched-background")
        self._known: set[Hashable] = set()
        self._process: tuple[BaseProcess, Connection] | None = None
        self._closed = False

    def submit(
        self,
        key: Hashable,
        done: Callable[[Outcome[T]], None],
        task: Callable[..., T],
        *args: object,
    ) -> None:
        """Compute a task when its turn comes; see :meth:`Background.submit`."""

        def work() -> None:
            try:
                done(self._compute(task, args))
            except Exception:
                _log.exception("the outcome of %s is lost", key)
            finally:
                with self._guard:
                    self._known.discard(key)

        with self._guard:
            if self._closed or key in self._known:
                return
            self._known.add(key)
            self._queue.submit(work)

    def call(self, task: Callable[..., T], *args: object) -> T:
        """Compute a task and wait for it; see :meth:`Background.call`."""
        found = self._compute(task, args)
        if found.error is not None:
            raise found.error
        return found.value  # type: ignore[return-value]  # T may be None itself.

    def close(self) -> None:
        """End the process; see :meth:`Background.close`."""
        with self._guard:
            self._closed = True
            process = self._process
        if process is not None:
            process[0].terminate()
        self._queue.shutdown(cancel_futures=True)
        with self._turn:
            self._drop()

    def _compute(self, task: Callable[..., T], args: tuple[object, ...]) -> Outcome[T]:
        with self._turn:
            for _ in range(2):  # The process may have ended: it was idle, or killed.
                if self._closed:
                    break
                try:
                    connection = self._connection()
                    connection.send((task, args))
                    found: Outcome[T] = connection.recv()
                except (EOFError, OSError):
                    self._drop()
                else:
                    return found
        return Outcome(None, StorageError("the process that draws has ended; ask again"), 0.0)

    def _connection(self) -> Connection:
        if self._process is None:
            here, there = _SPAWN.Pipe()
            process = _SPAWN.Process(
                target=_serve, args=(there,), name="qsched-background", daemon=True
            )
            process.start()
            there.close()
            with self._guard:
                self._process = process, here
                if self._closed:
                    process.terminate()
        return self._process[1]

    def _drop(self) -> None:
        if self._process is not None:
            process, connection = self._process
            connection.close()
            process.terminate()
            process.join()
            self._process = None


def outcome(task: Callable[..., T], args: tuple[object, ...]) -> Outcome[T]:
    """Compute a task here and now; every error becomes one that can be sent and shown."""
    begin = time.process_time()
    value: T | None = None
    error: QschedError | None = None
    try:
        value = task(*args)
    except QschedError as fault:
        error = _plain(fault)
    except Exception:
        _log.exception("a task in the background failed")
        error = QschedError("this is a fault of the server; its log says more")
    return Outcome(value, error, time.process_time() - begin)


def _plain(error: QschedError) -> QschedError:
    """Return an error of the same kind that is made of its message alone, as pickle needs it."""
    for kind in (InputError, StorageError):
        if isinstance(error, kind):
            return kind(str(error))
    return QschedError(str(error))


def _serve(connection: Connection) -> None:
    """Compute what comes until nobody is at the other end, or nothing comes for a while."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends this.
    os.nice(_NICE)
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # As in the server itself.
    with suppress(EOFError, OSError):
        while connection.poll(_IDLE):
            task, args = _received(connection)
            connection.send(outcome(task, args))


def _received(connection: Connection) -> tuple[Callable[..., Any], tuple[object, ...]]:
    task, args = connection.recv()
    return task, args
