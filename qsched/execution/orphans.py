"""Processes that would outlive this one if it were killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

__all__ = ["Guardian", "descendants"]

_SCRIPT = "trap '' INT; read line || kill -9 \"$@\" 2>/dev/null"


def descendants(pid: int | None = None) -> set[int]:
    """Return the numbers of all processes that descend from one (None: this one).

    On systems without ``/proc`` there are none.
    """
    found: set[int] = set()
    waiting = [os.getpid() if pid is None else pid]
    while waiting:
        for children in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with suppress(OSError):  # It has just ended.
                new = {int(child) for child in children.read_text().split()}
                waiting += new - found
                found |= new
    return found


class Guardian:
    """A tiny process that kills others when this one dies, however it does.

    Args:
        pids: the processes to be killed.
    """

    def __init__(self, pids: Collection[int]) -> None:
        self._process = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "guardian", *map(str, pids)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def dismiss(self) -> None:
        """Let it end without killing anything."""
        with suppress(BrokenPipeError):
            self._process.communicate(b"\n")
