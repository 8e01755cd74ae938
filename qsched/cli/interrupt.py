"""Ctrl-C, pressed once or again and again."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["one_interrupt"]

_SAME = 10.0


@contextmanager
def one_interrupt(seconds: float = _SAME) -> Iterator[None]:
    """Let the signals of the next ``seconds`` after a Ctrl-C be the same wish as that one.

    What a first Ctrl-C starts (workers end, the study is marked as interrupted, the lease is given
    back) would be torn by a second one. Outside the main thread this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    last: list[float] = []

    def handle(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not last or now - last[-1] > seconds:
            last.append(now)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
