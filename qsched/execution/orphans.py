"""Processes that would outlive this one if it were killed."""

from __future__ import annotations

import subprocess
from collections.abc import Collection
from contextlib import suppress

__all__ = ["Guardian"]

_SCRIPT = "trap '' INT; read line || kill -9 \"$@\" 2>/dev/null"


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
