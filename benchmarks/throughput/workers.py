"""Two processes of one thread each, in which all rows but those of other programs are measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self, TypeVar

__all__ = ["Workers"]

COMPILED = Path(__file__).parents[2] / "build" / "benchmarks" / "inductor"
SURROUNDINGS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no processes of its own beside the rows
    "TORCHINDUCTOR_CACHE_DIR": str(COMPILED),
}

T = TypeVar("T")


class Workers:
    """Processes that call functions of modules; a context manager.

    Args:
        count: number of processes.
    """

    def __init__(self, count: int) -> None:
        # Before the first import in a worker: libraries read them once.
        os.environ.update(SURROUNDINGS)
        spawn = get_context("spawn")
        self._pools = [
            ProcessPoolExecutor(1, spawn, initializer=_one_thread) for _ in range(count)
        ]

    def call(
        self, function: Callable[..., T], arguments: Sequence[tuple[Any, ...]]
    ) -> tuple[list[T], float]:
        """Call ``function`` in one process for each of ``arguments``, all at once.

        Returns:
            What it returned, and the wall time until the last one was back, in seconds.
        """
        began = time.perf_counter()
        futures = [
            pool.submit(function, *each)
            for pool, each in zip(self._pools, arguments, strict=False)
        ]
        results = [future.result() for future in futures]
        return results, time.perf_counter() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools:
            pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
