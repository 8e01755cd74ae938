"""How far a running study is, by its trainings."""

from __future__ import annotations

from qsched.service.models import Progress
from qsched.specs import StudySpec
from qsched.study.forecast import PHASES, expected_runs

__all__ = ["share_done"]


def share_done(spec: StudySpec, progress: Progress | None) -> float:
    """Return the share of a study's expected trainings that is done, in [0, 1].

    It never falls: a phase counts by the share of itself that is done, weighted by the trainings
    expected of it before anything was known.
    """
    if progress is None or progress.phase not in PHASES:
        return 0.0
    weights = [expected_runs(spec)[phase] for phase in PHASES]
    at = PHASES.index(progress.phase)
    return (sum(weights[:at]) + weights[at] * _within(progress)) / sum(weights)


def _within(progress: Progress) -> float:
    if progress.phase == "search":
        return progress.trials / progress.trials_total if progress.trials_total else 0.0
    return min(1.0, progress.done / progress.total) if progress.total else 0.0
