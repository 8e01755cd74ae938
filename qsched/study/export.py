"""A study's schedules as files that others can use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna

from qsched.errors import InputError, UnknownNameError
from qsched.schedules import Place, Schedule, depths
from qsched.schedules.file import ExpectedAccuracy, Provenance, ScheduleFile
from qsched.schedules.knots import resolve
from qsched.storage import Storage, StudyRow
from qsched.study.statistics import interval
from qsched.study.verdict import ArmSummary, Verdict

__all__ = ["export"]

_PLACES = tuple(Place(role, depth) for role in ("weights", "activations") for depth in depths(9))
"""Where knots are written out: nine relative depths, between which a network interpolates."""


def export(storage: Storage, name: str, arm: str | None = None) -> ScheduleFile:
    """Return the schedule file of an arm of a stored study.

    Args:
        storage: the study database.
        name: the study.
        arm: the arm; None is the one the study found.

    Returns:
        The schedule, its origin, and the accuracy to expect: on the test set for an arm of the
        verdict, else on the validation set, from the search (which flatters it a little).

    Raises:
        UnknownNameError: no such study, or no such arm.
        InputError: ``arm`` is None and the study is not finished.
    """
    row = storage.study(name)
    verdict = Verdict.model_validate(row.verdict, strict=False) if row.verdict else None
    if arm is None:
        if verdict is None:
            raise InputError(
                f"a study must be finished to export what it found, but `{name}` is "
                f"{row.state}; run it to its end, or name an arm"
            )
        arm = verdict.arms[0].arm
    summary = next((s for s in verdict.arms if s.arm == arm), None) if verdict else None
    if summary is not None and verdict is not None:
        return _file(row, arm, summary.schedule, verdict.seeds, _on_test(summary, verdict.level))
    return _from_search(storage, row, arm)


def _from_search(storage: Storage, row: StudyRow, arm: str) -> ScheduleFile:
    try:
        study = optuna.load_study(study_name=row.name, storage=storage.optuna)
    except KeyError:
        raise UnknownNameError(f"arm of `{row.name}`", arm, ()) from None  # No trial ended yet.
    trials = {t.user_attrs["arm"]: t for t in study.get_trials(deepcopy=False)}
    if arm not in trials:
        raise UnknownNameError(f"arm of `{row.name}`", arm, trials)
    schedule = Schedule.model_validate_json(trials[arm].user_attrs["schedule"])
    runs = [
        stored
        for stored in storage.runs(row.name, "search")
        if stored.run.schedule == schedule and stored.run.length == 1
    ]
    scores = [stored.result.accuracy or 0.0 for stored in runs]
    level = row.spec.confirmation.level
    expected = _expected(scores, interval(scores, level), level, "validation")
    return _file(row, arm, schedule, tuple(stored.run.seed for stored in runs), expected)


def _on_test(summary: ArmSummary, level: float) -> ExpectedAccuracy:
    return _expected(summary.accuracies, summary.interval, level, "test")


def _expected(
    scores: Sequence[float], bounds: tuple[float, float], level: float, split: str
) -> ExpectedAccuracy:
    low, high = (min(max(edge, 0.0), 1.0) for edge in bounds)
    return ExpectedAccuracy(
        mean=float(np.mean(scores)),
        interval=(low, high),
        level=level,
        seeds=len(scores),
        split="test" if split == "test" else "validation",
    )


def _file(
    row: StudyRow,
    arm: str,
    schedule: Schedule,
    seeds: tuple[int, ...],
    expected: ExpectedAccuracy,
) -> ScheduleFile:
    task, number = row.spec.task, arm.removeprefix("trial-")
    return ScheduleFile(
        name=f"{row.name}-{arm}",
        about=f"Schedule `{arm}` of the study `{row.name}`.",
        source=f"study {row.name}",
        schedule=schedule,
        task=task.model_dump(mode="json", exclude_none=True),
        provenance=Provenance(
            study=row.name,
            trial=int(number) if number.isdecimal() else None,
            task=f"{task.data.name} {task.network.name}",
            seeds=seeds,
            versions=row.versions,
            schedule_sha256=schedule.sha256,
            study_sha256=row.sha256,
            created=row.updated.isoformat(timespec="seconds"),
        ),
        expected=expected,
        resolved=resolve(schedule, _PLACES),
    )
