"""Child processes that outlive the server, told from others that get the same number later."""

from __future__ import annotations

import os
import signal
from pathlib import Path

__all__ = ["alive", "send", "started"]

_STATE, _START = 0, 19
"""Fields of ``/proc/PID/stat`` after the name."""


def started(pid: int) -> str | None:
    """Return when a process was started, as text that no other process of this number has.

    It is the boot's id and the time since then; None if there is no such process, or only its
    remains (a zombie).
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name in parentheses may hold spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE] in "ZX" else f"{boot}:{fields[_START]}"


def alive(pid: int, since: str) -> bool:
    """Return whether the process ``pid`` that was :func:`started` at ``since`` still runs."""
    return started(pid) == since


def send(pid: int, since: str, number: signal.Signals) -> bool:
    """Send a signal to that process and no other; return whether it was there."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not alive(pid, since):
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
