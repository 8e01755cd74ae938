"""A study's schedules as files that others can use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna

from qsched.errors import InputError, UnknownNameError
from qsched.schedules import Place, Schedule, depths
from qsched.schedules.file import ExpectedAccuracy, Provenance, ScheduleFile
from qsched.schedules.knots import resolve
from qsched.storage import RunRow, Storage, StudyRow
from qsched.study.seeds import Phase
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
        expected = _on_test(summary, verdict.level)
        runs = _of_schedule(storage, name, "report", summary.schedule)
        return _file(row, arm, summary.schedule, verdict.seeds, expected, runs)
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
    runs = _of_schedule(storage, row.name, "search", schedule)
    scores = [stored.result.accuracy or 0.0 for stored in runs]
    level = row.spec.confirmation.level
    expected = _expected(scores, interval(scores, level), level, "validation")
    seeds = tuple(stored.run.seed for stored in runs)
    return _file(row, arm, schedule, seeds, expected, runs)


def _of_schedule(storage: Storage, name: str, phase: Phase, schedule: Schedule) -> list[RunRow]:
    """Return the full-length runs of a schedule by seed: they are stored as they ended."""
    runs = (
        stored
        for stored in storage.runs(name, phase)
        if stored.run.schedule == schedule and stored.run.length == 1
    )
    return sorted(runs, key=lambda stored: stored.run.seed)


def _versions(row: StudyRow, runs: Sequence[RunRow]) -> dict[str, str]:
    """Return the versions of what planned and of what trained; several of one thing, if any.

    How many lanes trained together is left out: it changes nothing.
    """
    found: dict[str, set[str]] = {name: {version} for name, version in row.versions.items()}
    for stored in runs:
        for name, version in stored.result.versions.items():
            if name != "lanes":
                found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(found[name])) for name in sorted(found)}


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
    runs: Sequence[RunRow],
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
            versions=_versions(row, runs),
            schedule_sha256=schedule.sha256,
            study_sha256=row.sha256,
            created=row.updated.isoformat(timespec="seconds"),
        ),
        expected=expected,
        resolved=resolve(schedule, _PLACES),
    )
