"""How processes of this machine are born."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

from qsched.execution.variables import variables

__all__ = ["surroundings"]

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@contextmanager
def surroundings() -> Iterator[None]:
    """Let a process be born with one thread for arithmetic and deaf to Ctrl-C.

    Both must hold before its first import: libraries read the variables only once, and a Ctrl-C in
    the middle of an import would print a traceback.
    """
    resource_tracker.ensure_running()  # It would unblock the signal when it starts.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with variables(_ONE_THREAD), _interrupts_later():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Let a Ctrl-C wait for the end of the block.

    Blocking the signal is not enough: a thread of a library may take it, and Python would then
    interrupt this one, which is half way through telling the new process what to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)
