"""The name of a process that owns a study, and whether that process has certainly ended."""

from __future__ import annotations

import os
import platform
from uuid import uuid4

from qsched.processes import boot_id, find

__all__ = ["described", "gone", "identity"]


def identity() -> str:
    """Return a new name for this process: host, where its number counts, number, start."""
    pid = os.getpid()
    me = find(pid)
    started = "?" if me is None else me.started
    return "/".join((platform.node(), _place(), str(pid), started, uuid4().hex[:8]))


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
    if place != _place():
        return False
    process = find(int(pid))
    return process is None or process.started != started


def _place() -> str:
    """Return what makes a process number unique: the boot and the name space of numbers."""
    boot = boot_id()
    if boot is None:
        return uuid4().hex  # Matches no other place: nobody is known to have ended.
    return f"{boot[:8]}-{os.stat('/proc/self/ns/pid').st_ino}"
