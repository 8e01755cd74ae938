"""From the files of SchedBench back to its database, so that more can be trained there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from qsched.errors import DataError
from qsched.learning.bench.data import CURVE_POINTS, Bench, Runs, Tests, load_bench, load_tests
from qsched.learning.bench.export import KEY_DIGITS
from qsched.learning.bench.generate import ARMS_NOTE
from qsched.learning.bench.plans import BenchArm, bench_study
from qsched.learning.bench.tasks import BenchSpec, BenchTask, chosen
from qsched.specs import CurvePoint, Run, RunResult, digest
from qsched.storage import RunRow, Storage

__all__ = ["restore"]

_MADE_BY_EXPORT = ("export", "platform")
"""Entries of the files' versions that are not those of the runs."""


def restore(spec: BenchSpec, storage: Storage, folder: Path | None) -> int:
    """Store the runs of SchedBench's files; those that are stored already stay as they are.

    Exporting them again gives the same files: of a curve its five points are kept.

    Args:
        spec: what SchedBench trains; must have the tasks of the files.
        storage: its database.
        folder: where the files lie; None is the data shipped with qsched.

    Returns:
        Number of runs in the files.

    Raises:
        DataError: a file is missing, not of this form, or of other tasks or schedules.
        InputError: pyarrow is not installed.
    """
    bench, tests = load_bench(folder), load_tests(folder)
    scores = _scores(tests)
    count = 0
    for task in chosen(spec):
        runs = bench.runs.where(bench.runs.task == task.name)
        if not len(runs):
            continue
        study = bench_study(spec, task.name, task.spec)
        storage.save_study(study, digest(task.spec))
        _note(bench, storage, task.name, set(runs.arm))
        storage.add_runs(task.name, list(_rows(bench, task, runs, scores)))
        storage.set_state(task.name, "finished")
        count += len(runs)
    return count


def _scores(tests: Tests) -> dict[str, tuple[float, float]]:
    rows = zip(tests.key, tests.accuracy, tests.loss, strict=True)
    return {key: (float(accuracy), float(loss)) for key, accuracy, loss in rows}


def _note(bench: Bench, storage: Storage, study: str, names: set[str]) -> None:
    arms = bench.arms
    noted = storage.study(study).notes.get(ARMS_NOTE, {})
    named = {name: BenchArm.known(arms, name, arms.arm(name)).note() for name in names}
    storage.set_note(study, ARMS_NOTE, noted | named)


def _rows(
    bench: Bench, task: BenchTask, runs: Runs, scores: Mapping[str, tuple[float, float]]
) -> Iterable[RunRow]:
    versions = {k: v for k, v in bench.about["versions"].items() if k not in _MADE_BY_EXPORT}
    schedule = cache(bench.arms.arm)
    for i in range(len(runs)):
        reported = runs.phase[i] == "report"
        run = Run(
            task=task.spec,
            schedule=schedule(runs.arm[i], float(runs.learning_rate[i])),
            seed=int(runs.seed[i]),
            length=float(runs.length[i]),
            evaluate="test" if reported else "validation",
        )
        if run.key[:KEY_DIGITS] != runs.key[i]:
            raise DataError(
                f"a run's key must follow from its task, schedule, seed and length, but "
                f"{runs.key[i]} of {task.name} does not; the files are of other tasks or schedules"
            )
        score = scores[runs.key[i]] if reported else (float(runs.accuracy[i]), float(runs.loss[i]))
        result = _result(run, runs, i, score, versions)
        yield RunRow(runs.arm[i], runs.phase[i], run, result)


def _result(
    run: Run, runs: Runs, i: int, score: tuple[float, float], versions: dict[str, str]
) -> RunResult:
    accuracy, loss = score
    diverged = bool(runs.diverged[i])
    return RunResult(
        key=run.key,
        status="failed" if diverged else "finished",
        accuracy=None if diverged else accuracy,
        loss=None if diverged or math.isnan(loss) else loss,
        curve=() if diverged else _curve(runs, i),
        steps=int(runs.steps[i]),
        seconds=float(runs.seconds[i]),
        versions=versions,
    )


def _curve(runs: Runs, i: int) -> tuple[CurvePoint, ...]:
    """Return the stored curve; its last point is the exact validation accuracy."""
    steps = int(runs.steps[i])
    accuracies = [*map(float, runs.curve_accuracy[i, :-1]), float(runs.accuracy[i])]
    return tuple(
        CurvePoint(
            step=max(1, round(steps * (j + 1) / CURVE_POINTS)),
            loss=float(runs.curve_loss[i, j]),
            accuracy=accuracies[j],
        )
        for j in range(CURVE_POINTS)
    )
