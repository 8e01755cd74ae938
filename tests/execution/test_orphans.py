"""What a killed process leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from qsched.processes import descendants
from tests.execution.test_local import alive, wait_until

PARENT = """
import os, subprocess, sys
from qsched.execution.orphans import Guardian
quiet = subprocess.DEVNULL
child = subprocess.Popen(["sleep", "600"], stdout=quiet, stderr=quiet)
guardian = Guardian([child.pid])
print(child.pid, flush=True)
sys.stdin.read()
if len(sys.argv) > 1:
    guardian.dismiss()
"""


def test_what_is_guarded_dies_with_a_killed_parent() -> None:
    parent, child = _start()
    assert child in descendants(parent.pid)
    parent.kill()
    parent.communicate()
    wait_until(lambda: not alive(child))


def test_a_guardian_that_is_dismissed_does_nothing() -> None:
    parent, child = _start("dismiss")
    parent.communicate()
    assert alive(child)
    os.kill(child, signal.SIGKILL)


def _start(*args: str) -> tuple[subprocess.Popen[str], int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())
