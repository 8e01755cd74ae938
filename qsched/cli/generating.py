"""Training what SchedBench and its claims ask for, and telling how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from qsched.cli.executors import Cluster, at_once, executor
from qsched.cli.output import duration
from qsched.learning.bench.generate import Generator
from qsched.learning.bench.tasks import BenchSpec
from qsched.storage import Storage

__all__ = ["generator"]


@contextmanager
def generator(
    spec: BenchSpec,
    storage: Storage,
    minutes: float | None,
    workers: int | None,
    cluster: Cluster | None,
    plugins: Sequence[Path] = (),
) -> Iterator[Generator]:
    """Yield what trains plans where the options of a command say, and writes lines meanwhile.

    Args:
        spec: what SchedBench trains.
        storage: where runs are stored.
        minutes: no cohort is handed out after so many; None is no limit.
        workers, cluster, plugins: as of :func:`qsched.cli.executors.executor`.
    """
    seconds = None if minutes is None else 60 * minutes
    with executor(workers, plugins, cluster) as where:
        count = at_once(workers, cluster)
        yield Generator(spec, storage, where, _Lines(), seconds, count)


class _Lines:
    """Writes a line at most every ten seconds, and one at the end of a task's pass."""

    def __init__(self) -> None:
        self._began, self._next, self._from = time.monotonic(), 0.0, 0.0

    def __call__(self, task: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:
            self._from = now
        if total == 0 or (done < total and now < self._next):
            return
        self._next = now + 10
        pace = done / (now - self._from) if now > self._from else 0.0
        print(
            f"{duration(now - self._began)}  {task}: runs {done}/{total}, {pace:.1f} a second",
            file=sys.stderr,
            flush=True,
        )
