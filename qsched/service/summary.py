"""How far a study is: what ``qsched status`` prints and ``GET /v1/studies`` returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qsched.storage import StudyRow

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["candidates", "summary"]


def summary(row: StudyRow, trials: Sequence[FrozenTrial], runs: int) -> dict[str, Any]:
    """Return how far a study is.

    Args:
        row: the study.
        trials: all its trials.
        runs: how many runs of it are stored.
    """
    found = candidates(trials)
    best = max((trial for trial in found if trial.value is not None), key=_rank, default=None)
    return {
        "study": row.name,
        "state": row.state,
        "trials": len(found),
        "trials_total": row.spec.budget.trials,
        "runs": runs,
        "best": best.value if best else None,
        "best_arm": best.user_attrs["arm"] if best else None,
        "updated": row.updated.isoformat(timespec="seconds"),
        "verdict": row.verdict,
    }


def candidates(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return those trials that are candidates, not baselines."""
    return [trial for trial in trials if trial.user_attrs.get("kind") == "candidate"]


def _rank(trial: FrozenTrial) -> tuple[int, float]:
    """Order trials by how many seeds they have, then by their mean."""
    return trial.user_attrs["seeds"], trial.value or 0.0
