"""Rows and their samples: what was measured of a contender."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Row", "Sample", "Unavailable", "ratio"]


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


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the median of the ratios of what was measured in the same rounds.

    >>> ratio([10.0, 40.0, 30.0], [1.0, 2.0, 3.0])
    10.0
    """
    return statistics.median(a / b for a, b in zip(above, below, strict=True))
