"""What runs in a worker process: trains what it is given, or measures the machine."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from importlib.util import find_spec
from unittest import mock

import torch

from benchmarks.throughput import tasks  # noqa: F401  registers networks and data
from qsched.specs import Run, RunResult
from qsched.training import train

__all__ = ["native_lanes", "no_native", "sgemm", "torch_lanes"]


def torch_lanes(runs: Sequence[Run]) -> list[RunResult]:
    """Train with torch lanes, whatever the default engine is."""
    return train(runs, engine="torch")


def native_lanes(runs: Sequence[Run], threads: int = 1) -> list[RunResult]:
    """Train with native lanes on some threads."""
    with mock.patch.dict(os.environ, {"OMP_NUM_THREADS": str(threads)}):
        return train(runs, engine="native")


def no_native() -> str | None:
    """Return why there are no native lanes, or None if there are."""
    return None if find_spec("numba") else "numba is not installed (pip install qsched[native])"


def sgemm(seconds: float = 0.3, side: int = 1024) -> float:
    """Return the best rate of a product of float32 matrices in some seconds, in operations/s."""
    a, b = torch.rand(side, side), torch.rand(side, side)
    out, best, end = torch.empty(side, side), 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        torch.mm(a, b, out=out)
        best = max(best, 2 * side**3 / (time.perf_counter() - began))
    return best
