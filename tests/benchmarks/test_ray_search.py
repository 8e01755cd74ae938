"""Workers of the peer's search begin together."""

import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("ray")

from benchmarks.throughput.ray_search import meet


def test_nobody_leaves_before_the_last_has_come(tmp_path: Path) -> None:
    came = []

    def last() -> None:
        came.append(time.monotonic())
        (tmp_path / "last").touch()

    threading.Timer(0.3, last).start()
    meet(tmp_path, 2)
    assert came
    assert time.monotonic() >= came[0]


def test_who_waits_in_vain_says_so(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="1 of 2 workers"):
        meet(tmp_path, 2, seconds=0.05)
