"""Child processes that outlive the server, told from others that get the same number later."""

from __future__ import annotations

import os
import signal

from qsched.processes import boot_id, find

__all__ = ["alive", "send", "started"]


def started(pid: int) -> str | None:
    """Return when a process was started, as text that no other process of this number has.

    It is the boot's id and the time since then; None if there is no such process, or only its
    remains (a zombie).
    """
    process, boot = find(pid), boot_id()
    return None if process is None or boot is None else f"{boot}:{process.started}"


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
