"""Accuracies of schedules on seeds that their study has not used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qsched.cli.executors import executor
from qsched.execution import one_by_one, split
from qsched.schedules import Schedule
from qsched.specs import Run, StudySpec
from qsched.study.seeds import pool

__all__ = ["accuracies", "fresh_seeds"]


def fresh_seeds(spec: StudySpec, count: int) -> tuple[int, ...]:
    """Return seeds of the study's report pool that its own report leaves over."""
    used = spec.confirmation.report_seeds
    return pool("report", spec.seed, used + count)[used:]


def accuracies(
    schedules: Sequence[Schedule],
    spec: StudySpec,
    seeds: int,
    workers: int | None,
    plugins: Sequence[Path],
) -> list[list[float]]:
    """Train every schedule on common fresh seeds; return test accuracies by schedule and seed.

    A run that diverges counts as 0.
    """
    chosen = fresh_seeds(spec, seeds)
    runs = [
        [Run(task=spec.task, schedule=schedule, seed=seed, evaluate="test") for seed in chosen]
        for schedule in schedules
    ]
    wanted = {run.key: run for row in runs for run in row}
    scores: dict[str, float] = {}
    with executor(workers, plugins) as where:
        cohorts = split(list(wanted.values()), spec.lanes, where.parts(spec.task))
        for _, results in one_by_one(where.run(cohorts)):
            scores.update((result.key, result.accuracy or 0.0) for result in results)
    return [[scores[run.key] for run in row] for row in runs]
