"""How far a running study is, by its trainings."""

from __future__ import annotations

from typing import Literal, get_args

from qsched.service.models import Progress
from qsched.specs import StudySpec

__all__ = ["PHASES", "share_done"]

PhaseName = Literal["baselines", "search", "selection", "report"]
PHASES: tuple[PhaseName, ...] = get_args(PhaseName)

_CLIMB = 1.5
"""Trainings that racing leaves of an arm, in multiples of the first rung's seeds; a guess."""


def share_done(spec: StudySpec, progress: Progress | None) -> float:
    """Return the share of a study's expected trainings that is done, in [0, 1].

    It never falls: a phase counts by the share of itself that is done, weighted by the trainings
    expected of it before anything was known.
    """
    if progress is None or progress.phase not in PHASES:
        return 0.0
    weights = _expected(spec)
    at = PHASES.index(progress.phase)
    done = sum(weights[phase] for phase in PHASES[:at])
    return (done + weights[progress.phase] * _within(progress)) / sum(weights.values())


def _within(progress: Progress) -> float:
    if progress.phase == "search":
        return progress.trials / progress.trials_total if progress.trials_total else 0.0
    return min(1.0, progress.done / progress.total) if progress.total else 0.0


def _expected(spec: StudySpec) -> dict[str, float]:
    budget, plan = spec.budget, spec.confirmation
    climb = _CLIMB * budget.rungs[0].seeds
    arms = len(spec.baselines) + len(spec.static.backward_std)
    return {
        "baselines": len(budget.learning_rates) * (arms * climb + budget.rungs[-1].seeds),
        "search": budget.trials * climb,
        "selection": (2 * plan.candidates + plan.baselines) * plan.selection_seeds,
        "report": 4 * plan.report_seeds,
    }
