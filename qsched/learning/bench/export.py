"""From the database of SchedBench to its files."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from qsched import __version__
from qsched.errors import DataError, InputError
from qsched.learning.bench.card import write_card
from qsched.learning.bench.data import (
    CURVE_POINTS,
    Arms,
    Bench,
    Runs,
    Tests,
    columns,
    load_bench,
    save_bench,
    save_tests,
)
from qsched.learning.bench.generate import ARMS_NOTE
from qsched.learning.bench.plans import BenchArm, arms_table
from qsched.learning.bench.tasks import BenchSpec, BenchTask, chosen, features
from qsched.schedules import Inq, Schedule
from qsched.spaces import SearchSpace, Value, load_space
from qsched.specs import RunResult, digest
from qsched.storage import RunRow, Storage

__all__ = ["collect", "export_bench"]

KEY_DIGITS = 16

OWN_RATE = ("design", "refined")
"""Kinds of arms whose learning rate is a part of them; others are given the center of tuning."""


def export_bench(bench: BenchSpec, storage: Storage, folder: Path) -> dict[str, Any]:
    """Write all that is stored as Parquet files, with a data card, and return its counts.

    Args:
        bench: what SchedBench trains.
        storage: its database.
        folder: where the files are written.

    Raises:
        InputError: nothing is stored, the folder holds runs that the database lacks, or pyarrow is
            not installed.
    """
    made, tests = collect(bench, storage, chosen(bench))
    _check_kept(folder, made, storage.url)
    save_bench(made, folder)
    save_tests(tests, folder)
    write_card(made, folder)
    return made.about


def _check_kept(folder: Path, made: Bench, url: str) -> None:
    """Raise InputError if files that are to be replaced hold runs that the new ones lack."""
    try:
        lost = set(load_bench(folder).runs.key) - set(made.runs.key)
    except DataError:
        return  # There are no files yet.
    if lost:
        raise InputError(
            f"an export must hold what it replaces, but {len(lost):,} runs in {folder} are not in "
            f"{url}; import them first (`qsched bench-data --minutes 0 --import {folder}`), or "
            "export to another folder"
        )


def collect(bench: BenchSpec, storage: Storage, tasks: Sequence[BenchTask]) -> tuple[Bench, Tests]:
    """Return what is stored of some tasks.

    Raises:
        InputError: nothing is.
    """
    stored = {study.name: study for study in storage.studies()}
    trained: list[BenchTask] = []
    noted: dict[str, list[Any]] = {}
    rows: list[tuple[object, ...]] = []
    tests: list[tuple[object, ...]] = []
    schedules: dict[str, Schedule] = {}
    versions: dict[str, str] = {}
    for task in tasks:
        found = storage.runs(task.name) if task.name in stored else []
        if not found:
            continue
        trained.append(task)
        noted.update(stored[task.name].notes.get(ARMS_NOTE, {}))
        for row in found:
            schedules.setdefault(row.arm, row.run.schedule)
            versions = versions or row.result.versions
            rows.append(_run(task, row))
            if row.phase == "report":
                tests.append(_test(row.result))
    if not rows:
        raise InputError(
            f"{storage.url} must hold runs of SchedBench, but holds none; train some with "
            "`qsched bench-data`, or name their database with --db"
        )
    arms = _arms(schedules, noted, bench)
    about = _about(bench, trained, rows, tests, versions)
    made = Bench(features(trained), arms, Runs(*columns(rows)), about)
    return made, Tests(*columns(tests)) if tests else _no_tests()


def _no_tests() -> Tests:
    return Tests(np.array([], dtype=object), np.array([]), np.array([]))


def _run(task: BenchTask, row: RunRow) -> tuple[object, ...]:
    """Return a row of :class:`Runs`."""
    run, result = row.run, row.result
    accuracy, losses = _thinned(result)
    diverged = result.status != "finished"
    reported = row.phase == "report"
    # The curve's last point is the hard network on the validation set, whatever the run's split.
    score = 0.0 if diverged else result.curve[-1].accuracy
    loss = np.nan if reported or result.loss is None else round(result.loss, 4)
    return (
        *(result.key[:KEY_DIGITS], task.name, row.arm, row.phase, run.seed),
        *(run.schedule.learning_rate.initial, run.length, round(score, 6), loss, diverged),
        *(result.steps, round(result.seconds, 3), accuracy, losses),
    )


def _thinned(result: RunResult) -> tuple[list[float], list[float]]:
    """Return accuracy and training loss after each fifth of the steps; NaN where there is none."""
    points = result.curve if result.status == "finished" else ()
    if not points:
        return [np.nan] * CURVE_POINTS, [np.nan] * CURVE_POINTS
    steps = np.array([point.step for point in points])
    wanted = steps[-1] * np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS
    chosen = [points[int(np.argmin(np.abs(steps - step)))] for step in wanted]
    return [round(p.accuracy, 4) for p in chosen], [round(p.loss, 3) for p in chosen]


def _test(result: RunResult) -> tuple[object, ...]:
    loss = np.nan if result.loss is None else round(result.loss, 4)
    return result.key[:KEY_DIGITS], round(result.accuracy or 0.0, 6), loss


def _arms(schedules: dict[str, Schedule], noted: dict[str, list[Any]], bench: BenchSpec) -> Arms:
    spaces = {algorithm: load_space(name) for algorithm, name in bench.spaces.items()}
    arms = []
    for name, schedule in sorted(schedules.items()):
        arm = BenchArm.of_note(name, noted[name], schedule)
        if arm.kind not in OWN_RATE:
            arm = replace(arm, schedule=schedule.at_learning_rate(bench.learning_rate))
        arms.append(replace(arm, point=_point(arm.schedule, spaces)))
    return arms_table(arms)


def _point(schedule: Schedule, spaces: dict[str, SearchSpace]) -> dict[str, Value]:
    algorithm = "inq" if isinstance(schedule.weights, Inq) else "ana"
    return spaces[algorithm].encode(schedule) or {}


def _about(
    bench: BenchSpec,
    tasks: Sequence[BenchTask],
    rows: Sequence[tuple[object, ...]],
    tests: Sequence[tuple[object, ...]],
    versions: dict[str, str],
) -> dict[str, Any]:
    """Return what the files say of themselves."""
    keys = sorted(str(row[0]) for row in rows)
    return {
        "format": "qsched/bench-data/1",
        "tasks": len(tasks),
        "runs": len(rows),
        "tests": len(tests),
        "bench_sha256": digest(bench),
        "runs_sha256": _hashed(keys),
        "versions": versions | {"export": __version__, "platform": platform.machine()},
    }


def _hashed(keys: Iterable[str]) -> str:
    """Return the SHA-256 of all keys: what tells whether the same runs are in two files."""
    return sha256("\n".join(keys).encode()).hexdigest()
