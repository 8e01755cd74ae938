"""Processes of this machine, as Linux tells of them in ``/proc``; other systems tell nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Process", "boot_id", "descendants", "find"]

_STATE, _START = 0, 19
"""Fields of ``/proc/PID/stat`` after the name."""


@dataclass(frozen=True)
class Process:
    """A process that has not ended.

    Attributes:
        name: of its program, the first 15 bytes.
        state: a letter: ``R`` runs, ``S`` and ``D`` wait, ``T`` is stopped.
        started: when it started, in ticks since boot. Since boot (:func:`boot_id`), no other
            process has this number and this time.
    """

    name: str
    state: str
    started: str


def find(pid: int) -> Process | None:
    """Return a process; None if there is none of this number, or only its remains (a zombie)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name in parentheses may hold spaces and parentheses.
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    if fields[_STATE] in "ZX":
        return None
    return Process(name, fields[_STATE], fields[_START])


def boot_id() -> str | None:
    """Return what names the time since this machine was last started; None if it is not told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def descendants(pid: int | None = None) -> set[int]:
    """Return the numbers of all processes that descend from one (None: this one)."""
    found: set[int] = set()
    waiting = [os.getpid() if pid is None else pid]
    while waiting:
        for children in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with suppress(OSError):  # It has just ended.
                new = {int(child) for child in children.read_text().split()}
                waiting += new - found
                found |= new
    return found
