"""The name of a process that owns a study, and whether that process has certainly ended."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from uuid import uuid4

__all__ = ["described", "gone", "identity"]


def identity() -> str:
    """Return a new name for this process: host, where its number counts, number, start."""
    pid = os.getpid()
    return "/".join((platform.node(), _place(), str(pid), _started(pid) or "?", uuid4().hex[:8]))


def described(owner: str) -> str:
    """Return an owner in words.

    >>> described("node1/4f2a-4026531836/123/99/0d9a1b2c")
    'process 123 on node1'
    """
    host, _, pid, *_ = owner.split("/")
    return f"process {pid} on {host}"


def gone(owner: str) -> bool:
    """Return whether an owner has certainly ended; False where this machine cannot know it.

    It can for processes that it numbers itself, since it was last started.
    """
    _, place, pid, started, _ = owner.split("/")
    return place == _place() and started != _started(int(pid))


def _place() -> str:
    """Return what makes a process number unique: the boot and the name space of numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return uuid4().hex  # Matches no other place: nobody is known to have ended.


def _started(pid: int) -> str | None:
    """Return when a process started, in ticks since boot; None if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
