"""Interleaved rounds: every row is sampled once a round, so that a noisy machine cancels out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from subprocess import SubprocessError

from benchmarks.throughput.contenders import Contender
from benchmarks.throughput.rows import Row, Unavailable
from benchmarks.throughput.tasks import BenchTask
from qsched.errors import QschedError

__all__ = ["interleave"]


def interleave(
    contenders: Sequence[Contender],
    task: BenchTask,
    rounds: int,
    flops: Callable[[int], int],
    peak: Callable[[], tuple[float, ...]],
    echo: Callable[[str], None],
) -> tuple[list[Row], list[tuple[float, ...]]]:
    """Sample all contenders on a task, one after the other, round by round.

    Args:
        contenders: who has a row.
        task: what is trained.
        rounds: how often.
        flops: operations of one training, from how often it evaluates.
        peak: measures the machine: operations/s on 1, 2, ... workers.
        echo: is told of progress.

    Returns:
        One row a contender, and the machine's peak in every round.
    """
    rows = [
        Row(each.name, each.workers, each.note, each.ours, flops(each.evaluations(task)))
        for each in contenders
    ]
    for each, row in zip(contenders, rows, strict=True):
        _attempt(row, lambda each=each: each.prepare(task), echo)  # type: ignore[misc]
    peaks = []
    for number in range(rounds):
        echo(f"{task.title}: round {number + 1} of {rounds}")
        peaks.append(peak())
        # Every other round backward: what drifts with time favors nobody.
        order = list(zip(contenders, rows, strict=True))[:: 1 if number % 2 == 0 else -1]
        for each, row in order:
            if row.missing is None:
                _attempt(row, lambda e=each, r=row: r.samples.append(e.sample(task)), echo)  # type: ignore[misc]
    return rows, peaks


def _attempt(row: Row, action: Callable[[], object], echo: Callable[[str], None]) -> None:
    """Act; what fails costs the row, not the benchmark."""
    try:
        action()
    except (Unavailable, QschedError) as error:
        row.missing = str(error)
    except (
        OSError,
        SubprocessError,
        RuntimeError,
        ValueError,
        TypeError,
        NotImplementedError,
    ) as e:
        row.missing = f"failed: {type(e).__name__}: {' '.join(str(e).split())[:200]}"
    if row.missing is not None:
        echo(f"{row.name}: {row.missing}")
