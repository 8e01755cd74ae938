"""How many trainings a study will take, before it is known whom racing drops."""

from __future__ import annotations

from typing import Literal, get_args

from qsched.specs import StudySpec

__all__ = ["PHASES", "PhaseName", "expected_runs"]

PhaseName = Literal["baselines", "search", "selection", "report"]
PHASES: tuple[PhaseName, ...] = get_args(PhaseName)
"""What a study goes through, in this order."""

_CLIMB = 1.5
"""Trainings of an arm until racing drops it, in multiples of the first rung's seeds: a guess."""

_GROUPS = 2
"""Groups of ``confirmation.candidates`` finalists: found and static."""
_CONTENDERS = 4
"""Found, hand-coded, static, full precision."""


def expected_runs(spec: StudySpec) -> dict[PhaseName, float]:
    """Return how many trainings each phase of a study is expected to take.

    Exact for the report, an upper bound for the selection (groups may share finalists or be
    short of them), and a guess for baselines and search, which depends on racing.
    """
    budget, plan = spec.budget, spec.confirmation
    climb = _CLIMB * budget.rungs[0].seeds
    arms = len(spec.baselines) + len(spec.static.backward_std)
    finalists = _GROUPS * plan.candidates + plan.baselines
    return {
        "baselines": len(budget.learning_rates) * (arms * climb + budget.rungs[-1].seeds),
        "search": budget.trials * climb,
        "selection": float(finalists * plan.selection_seeds),
        "report": float(_CONTENDERS * plan.report_seeds),
    }
