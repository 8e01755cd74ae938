"""Searches on real tasks, cold and warm, trained and stored trial by trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from optuna.trial import FrozenTrial

from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.analysis.variants import variants
from qsched.learning.bench.data import Bench
from qsched.learning.bench.generate import Generator
from qsched.learning.bench.plans import BenchArm, Plan, bench_study
from qsched.learning.bench.tasks import BenchSpec, BenchTask
from qsched.schedules import Schedule
from qsched.spaces import SearchSpace, Value, load_space
from qsched.specs import SamplerSpec, StudySpec
from qsched.storage import Storage
from qsched.study.dimensions import distributions
from qsched.study.sampling import Asked, finished_trial
from qsched.study.warm import Warm, ask_warm

__all__ = ["COLD", "REPEATS", "SEEDS", "WARM", "hand_coded_best", "search_group", "trace"]

COLD, WARM = "cold search", "warm search"
REPEATS = 2
"""Searches of a task, of each kind."""
_BATCH = 8
_STARTUP = 16
SEEDS = 2
"""Seeds that a search trains of what it tries."""


def trace(
    bench: BenchSpec,
    storage: Storage,
    generator: Generator,
    task: BenchTask,
    algorithm: Algorithm,
    *,
    start: Sequence[dict[str, Value]],
    repeat: int,
    trials: int,
    target: float,
) -> list[BenchArm]:
    """Search one task from scratch, or from a portfolio, until ``target`` or so many trials.

    What is stored is not trained again: an interrupted search goes on with what was tried.

    Args:
        bench: what SchedBench trains.
        storage: where runs are stored.
        generator: trains them.
        task: the task.
        algorithm: whose space is searched.
        start: points tried first; none is a cold search.
        repeat: which of several searches.
        trials: at the most.
        target: mean validation accuracy at which the search ends.

    Returns:
        What was tried, in order.
    """
    kind = WARM if start else COLD
    space = load_space(bench.spaces[algorithm])
    study = bench_study(bench, task.name, task.spec).model_copy(
        update={
            "seed": repeat,
            "sampler": SamplerSpec(name="tpe", batch=_BATCH, startup=_STARTUP),
            "warm_start": "transfer" if start else "none",
        }
    )
    warm = Warm(tuple(start), transfer=bool(start))
    stored = _stored(storage, task.name)
    history: list[FrozenTrial] = []
    tried: list[BenchArm] = []
    while len(history) < trials:
        first = len(history)
        prefix = f"{kind.split()[0]}-{algorithm}-{task.name}-{repeat}-"
        names = [f"{prefix}{first + i:03d}" for i in range(_BATCH)]
        asked = [
            _as_tried(space, each, stored.get(name))
            for name, each in zip(names, _ask(space, study, history, warm), strict=True)
        ]
        group = search_group(task.name, repeat)
        arms = [
            BenchArm(name, algorithm, kind, space.decode(each.params), i, each.params, group=group)
            for i, (name, each) in enumerate(zip(names, asked, strict=True), start=first)
        ]
        rates = [arm.schedule.learning_rate.initial for arm in arms]
        plans = [Plan(arm, (rate,), SEEDS, 0) for arm, rate in zip(arms, rates, strict=True)]
        if not generator.train(task, plans):
            break
        tried += arms
        values = _values(storage, task.name, arms)
        history += [finished_trial(each, value) for each, value in zip(asked, values, strict=True)]
        if max(values) >= target:
            break
    return tried


def search_group(task: str, repeat: int) -> str:
    """Return the group of the arms that a search tried."""
    return f"{task} {repeat}"


def hand_coded_best(bench: Bench, algorithm: Algorithm) -> dict[str, float]:
    """Return for every task what the best hand-coded or static schedule reaches in the search.

    Minus infinity where none was trained.
    """
    table = variants(bench, algorithm)
    kinds = dict(zip(bench.arms.name, bench.arms.kind, strict=True))
    rivals = np.array([kinds[n] in ("hand-coded", "static") for n in table.names], dtype=bool)
    best = np.max(np.nan_to_num(table.mean[:, rivals], nan=-np.inf), axis=1)
    return {str(name): float(value) for name, value in zip(table.tasks, best, strict=True)}


def _ask(
    space: SearchSpace, study: StudySpec, history: Sequence[FrozenTrial], warm: Warm
) -> list[Asked]:
    batch = len(history) // _BATCH
    return list(ask_warm(space, study, history, _BATCH, batch=batch, warm=warm))


def _stored(storage: Storage, task: str) -> dict[str, Schedule]:
    """Return the schedules of all arms of which runs of the search are stored."""
    if task not in {row.name for row in storage.studies()}:
        return {}
    return {row.arm: row.run.schedule for row in storage.runs(task, "search")}


def _as_tried(space: SearchSpace, asked: Asked, schedule: Schedule | None) -> Asked:
    """Return a candidate as it was tried before, if it was.

    Asked again it could be another one: accuracies are exported with six digits, and means of two
    that were equal may differ then, in whose order trials are good or bad to the sampler.
    """
    point = None if schedule is None else space.encode(schedule)
    if point is None:
        return asked
    return replace(asked, params=point, distributions=distributions(space, point))


def _values(storage: Storage, task: str, arms: Sequence[BenchArm]) -> list[float]:
    """Return mean validation accuracies of arms that were trained."""
    by_schedule: dict[str, list[float]] = {}
    for row in storage.runs(task, "search"):
        if row.run.length == 1:
            key = row.run.schedule.sha256
            by_schedule.setdefault(key, []).append(row.result.accuracy or 0.0)
    return [float(np.mean(by_schedule[arm.schedule.sha256][:SEEDS])) for arm in arms]
