"""What a study costs besides training, as data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Costs", "Growth"]


@dataclass(frozen=True)
class Costs:
    """A whole study.

    Attributes:
        trials: candidates.
        trainings: networks trained.
        seconds: from the study's start to its report.
        parts: seconds of training, sampling, storage, report; orchestration is the rest.
        engine: which engine trained.
    """

    trials: int
    trainings: int
    seconds: float
    parts: dict[str, float]
    engine: str

    @property
    def overhead(self) -> float:
        """Seconds a trial of sampling, storage and orchestration."""
        return (
            sum(self.parts[name] for name in ("sampling", "storage", "orchestration"))
            / self.trials
        )


@dataclass(frozen=True)
class Growth:
    """Seconds with so many finished trials: a trial asked, a trial told, the whole report."""

    trials: int
    ask: float
    tell: float
    report: float
