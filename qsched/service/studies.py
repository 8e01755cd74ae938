"""What the service does with studies: the one place that routes and pages go through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import optuna

from qsched.service.pool import Pool
from qsched.service.settings import Settings
from qsched.storage import Storage, StudyRow
from qsched.study.export import export
from qsched.study.verdict import Verdict

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from qsched.schedules.file import ScheduleFile

__all__ = ["Studies", "candidates", "summary"]


class Studies:
    """The studies of one server.

    Every method raises :class:`~qsched.errors.UnknownNameError` for a study that is not stored,
    and :class:`~qsched.errors.StorageError` where the database cannot be used.

    Args:
        settings: the server's.
        pool: its database.
    """

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings, self._pool = settings, pool

    def all(self) -> list[dict[str, Any]]:
        """Return :func:`summary` of all studies, the oldest first."""
        with self._pool.storage() as storage:
            return [summary(storage, row) for row in storage.studies()]

    def one(self, name: str) -> dict[str, Any]:
        """Return :func:`summary` of a study."""
        with self._pool.storage() as storage:
            return summary(storage, storage.study(name))

    def verdict(self, name: str) -> Verdict | None:
        """Return what a study found; None before its end."""
        with self._pool.storage() as storage:
            found = storage.study(name).verdict
        return None if found is None else Verdict.model_validate(found, strict=False)

    def best(self, name: str, arm: str | None = None) -> ScheduleFile:
        """Return the schedule file of what a study found, or of another arm.

        Raises:
            InputError: ``arm`` is None and the study is not finished.
        """
        with self._pool.storage() as storage:
            return export(storage, name, arm)


def summary(storage: Storage, row: StudyRow) -> dict[str, Any]:
    """Return how far a study is, as ``qsched status --json`` prints it."""
    found = candidates(storage, row.name)
    best = max((trial for trial in found if trial.value is not None), key=_rank, default=None)
    return {
        "study": row.name,
        "state": row.state,
        "trials": len(found),
        "trials_total": row.spec.budget.trials,
        "runs": len(storage.runs(row.name)),
        "best": best.value if best else None,
        "best_arm": best.user_attrs["arm"] if best else None,
        "updated": row.updated.isoformat(timespec="seconds"),
        "verdict": row.verdict,
    }


def candidates(storage: Storage, name: str) -> list[FrozenTrial]:
    """Return the finished candidates of a study, by number."""
    try:
        study = optuna.load_study(study_name=name, storage=storage.optuna)
    except KeyError:
        return []  # It was stored, but interrupted before its first trial.
    trials = study.get_trials(deepcopy=False)
    return [trial for trial in trials if trial.user_attrs.get("kind") == "candidate"]


def _rank(trial: FrozenTrial) -> tuple[int, float]:
    """Order trials by how many seeds they have, then by their mean."""
    return trial.user_attrs["seeds"], trial.value or 0.0
