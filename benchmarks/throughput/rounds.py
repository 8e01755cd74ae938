"""Interleaved rounds: every row is sampled once a round, so that a noisy machine cancels out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from subprocess import SubprocessError
from typing import TYPE_CHECKING

from qsched.errors import QschedError

if TYPE_CHECKING:
    from benchmarks.throughput.contenders import Contender
    from benchmarks.throughput.tasks import BenchTask

__all__ = ["Row", "Sample", "Unavailable", "interleave", "ratio"]


class Unavailable(Exception):
    """A row cannot be measured here; says why."""


@dataclass(frozen=True)
class Sample:
    """One measurement of one row.

    Attributes:
        trainings: complete trainings; a fraction where only steps were taken.
        seconds: wall time.
        accuracy: mean validation accuracy, in [0, 1]; None where nothing was evaluated.
        startup: seconds before the first training began, where the row knows them.
        details: what else there is to tell.
    """

    trainings: float
    seconds: float
    accuracy: float | None = None
    startup: float | None = None
    details: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Trainings per hour."""
        return 3600 * self.trainings / self.seconds


@dataclass
class Row:
    """All samples of one row; ``missing`` says why there are none."""

    name: str
    workers: int
    note: str = ""
    ours: bool = False
    flops: int = 0
    samples: list[Sample] = field(default_factory=list)
    missing: str | None = None

    @property
    def measured(self) -> bool:
        """Whether there is anything to print."""
        return self.missing is None and bool(self.samples)

    @property
    def rates(self) -> list[float]:
        """Trainings per hour in every round."""
        return [sample.rate for sample in self.samples]

    @property
    def rate(self) -> float:
        """Median of the trainings per hour."""
        return statistics.median(self.rates)

    @property
    def speeds(self) -> list[float]:
        """Floating-point operations per second in every round."""
        return [self.flops * rate / 3600 for rate in self.rates]


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


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the median of the ratios of what was measured in the same rounds.

    >>> ratio([10.0, 40.0, 30.0], [1.0, 2.0, 3.0])
    10.0
    """
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


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
