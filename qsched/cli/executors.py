"""Where commands train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qsched.cli.options import default_workers
from qsched.cli.worker import train
from qsched.execution import Executor, Inline, Local

__all__ = ["executor"]


def executor(workers: int | None, plugins: Sequence[Path]) -> Executor:
    """Return an executor in this process, for one worker, or in several of this machine.

    Args:
        workers: number of processes; None is one a CPU core.
        plugins: files that workers load first.
    """
    count = workers or default_workers()
    return Inline(train) if count == 1 else Local(train, count, plugins)
