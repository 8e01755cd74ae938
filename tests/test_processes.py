"""What is said of processes against psutil, and in cases that are rare."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from qsched.processes import Process, boot_id, descendants, find
from tests.execution.test_local import wait_until

NEVER = 2**22 + 1  # Linux numbers processes up to 2^22.


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose name looks like the end of a name and the fields behind it."""
    program = tmp_path / "a) Z 1 (b"
    shutil.copy(shutil.which("sleep") or "", program)
    process = subprocess.Popen([program, "600"])
    yield process
    process.kill()
    process.wait()


def test_a_process_is_what_another_library_finds(child: subprocess.Popen[bytes]) -> None:
    wait_until(lambda: (found := find(child.pid)) is not None and found.name == "a) Z 1 (b")
    found, peer = find(child.pid), psutil.Process(child.pid)
    assert found is not None
    assert found.name == peer.name()
    assert found.state in "RSD"
    ticks = os.sysconf("SC_CLK_TCK")
    assert int(found.started) / ticks == pytest.approx(
        peer.create_time() - psutil.boot_time(), abs=1.5
    )


def test_a_process_that_is_stopped_says_so(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(signal.SIGSTOP)
    wait_until(lambda: (found := find(child.pid)) is not None and found.state == "T")


def test_what_has_ended_is_not_found() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        before = find(process.pid)
        assert isinstance(before, Process)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # Its remains are there.
        assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
        assert find(process.pid) is None
    assert find(NEVER) is None


def test_descendants_are_children_and_theirs() -> None:
    program = "import subprocess; subprocess.run(['sleep', '600'])"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        wait_until(lambda: len(descendants(process.pid)) == 1)
        peers = {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
        assert descendants(process.pid) == peers
        assert {process.pid, *peers} <= descendants()
        for pid in (*peers, process.pid):
            os.kill(pid, signal.SIGKILL)
    assert descendants(NEVER) == set()


def test_a_boot_has_one_name() -> None:
    text = subprocess.run(
        ["cat", "/proc/sys/kernel/random/boot_id"], capture_output=True, text=True, check=True
    ).stdout
    assert boot_id() == text.strip() != ""
