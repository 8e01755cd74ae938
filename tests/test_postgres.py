"""The server for tests leaves nothing behind, however its process ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

START = """
import time
from tests.postgres import local_server
with local_server() as server:
    print(server.pgdata, server.get_pid(), flush=True)
    time.sleep({seconds})
"""


@pytest.mark.parametrize("killed", [False, True])
def test_nothing_is_left_of_a_server(killed: bool) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", START.format(seconds=600 if killed else 0)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        folder, pid = process.stdout.readline().split()
        if killed:
            process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 60
    while time.monotonic() < end and (Path(folder).exists() or psutil.pid_exists(int(pid))):
        time.sleep(0.1)
    assert not Path(folder).exists()
    assert not psutil.pid_exists(int(pid))
