"""What a study costs besides training: a whole one with clocks, and growth with its history."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar
from unittest import mock

import numpy as np
import optuna

from benchmarks.throughput.costs import Costs, Growth
from qsched.cli.worker import alone, train
from qsched.execution import Answers, Executor, Local
from qsched.execution.board import Rank, in_order
from qsched.execution.cohorts import Cohort
from qsched.report import draw, gather, write
from qsched.spaces import load_space
from qsched.specs import Run, RunResult, StudySpec, TaskSpec, digest
from qsched.specs.files import load_study
from qsched.storage import RunRow, Storage
from qsched.storage.runs import RunWriter
from qsched.study import run_study
from qsched.study.arms import Arm, hand_coded
from qsched.study.dimensions import distributions
from qsched.study.racing import Raced
from qsched.study.records import Records, encoded
from qsched.study.sampling import Asked, ask
from qsched.study.warm import ask_warm

__all__ = ["costs", "growth"]

T = TypeVar("T")

BATCH = 16
FILL = 128
PATIENCE = 150.0
"""Seconds that filling a study may take; larger sizes are left out."""


@dataclass
class Clocks:
    """Seconds by what they were spent on."""

    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function``, its calls timed under ``name``."""

        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.spent[name] += time.perf_counter() - began

        return call


class TimedStorage:
    """A storage whose methods are timed."""

    def __init__(self, storage: Storage, clocks: Clocks) -> None:
        self._storage, self._clocks = storage, clocks

    def run_writer(self, study: str) -> TimedWriter:
        return TimedWriter(self._storage.run_writer(study), self._clocks)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._storage, name)
        return self._clocks.timed("storage", value) if callable(value) else value


class TimedWriter:
    """A writer of runs that is timed."""

    def __init__(self, writer: RunWriter, clocks: Clocks) -> None:
        self.append = clocks.timed("storage", writer.append)


class TimedExecutor:
    """An executor; what is waited for it is training."""

    def __init__(self, executor: Executor, clocks: Clocks) -> None:
        self._executor, self._clocks = executor, clocks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        following = iter(self._executor.run(cohorts, rank))
        step = self._clocks.timed("training", lambda: next(following, None))
        while (item := step()) is not None:
            yield item

    def parts(self, task: TaskSpec) -> int:
        return self._executor.parts(task)


def costs(name: str, trials: int, workers: int, folder: Path) -> Costs:
    """Run a bundled study with ``trials`` candidates from nothing to its report."""
    spec = _with_trials(load_study(name), trials)
    clocks = Clocks()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    began = time.perf_counter()
    with (
        Storage.open(f"sqlite:///{folder / 'study.db'}") as storage,
        Local(train, workers, alone=alone) as executor,
        mock.patch("qsched.study.loop.ask_warm", _timed_asking(clocks)),
    ):
        timed: Any = TimedStorage(storage, clocks)
        run_study(spec, timed, TimedExecutor(executor, clocks), lambda _: None)
        clocks.timed("report", _report)(storage, spec.name, folder / "report.html")
        seconds = time.perf_counter() - began
        rows = storage.runs(spec.name)
    clocks.spent["orchestration"] = seconds - sum(clocks.spent.values())
    engine = rows[0].result.versions.get("engine", "unknown")
    return Costs(trials, len(rows), seconds, dict(clocks.spent), engine)


def _report(storage: Storage, name: str, path: Path) -> None:
    material = gather(storage, name)
    write(material, draw(material), path)


def _timed_asking(clocks: Clocks) -> Callable[..., Iterator[Asked]]:
    """Return :func:`ask_warm`, timed: a batch is asked as a whole."""
    whole = clocks.timed("sampling", lambda *args, **named: list(ask_warm(*args, **named)))
    return lambda *args, **named: iter(whole(*args, **named))


def growth(name: str, sizes: Sequence[int], folder: Path) -> Iterator[Growth]:
    """Fill a study with invented results and time it at ``sizes`` finished trials.

    Ends before the first size that would take minutes to fill.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with Storage.open(f"sqlite:///{folder / 'growth.db'}") as storage:
        invented = _Invented(load_study(name), storage)
        for size in sizes:
            if not invented.fill(size - BATCH):
                return
            sampled, asking = _timed(invented.ask)
            _, telling = _timed(invented.tell, sampled)
            _, reporting = _timed(_report, storage, name, folder / "report.html")
            yield Growth(size, asking / BATCH, telling / BATCH, reporting)


class _Invented:
    """A study whose accuracies are drawn, not trained."""

    def __init__(self, spec: StudySpec, storage: Storage) -> None:
        self.spec, self.storage, self.space = spec, storage, load_space(spec.space)
        self.rng, self.pace = np.random.default_rng(0), 0.0
        storage.save_study(spec, digest(spec))
        self.records = Records(storage, spec.name)
        known = [Raced(arm, {1.0: self._scores(8)}, [2, 4, 8], True) for arm in hand_coded(spec)]
        self.records.write(0, [(encoded(self.space, each), each) for each in known])

    def fill(self, size: int) -> bool:
        """Tell random candidates until there are ``size`` trials, unless that takes too long."""
        while (missing := size - len(self.records.trials)) > 0:
            if missing * self.pace > PATIENCE:
                return False
            count = min(FILL, missing)
            self.pace = _timed(self.tell, [self._random() for _ in range(count)])[1] / count
        return True

    def ask(self) -> list[Asked]:
        """Ask the sampler for a batch."""
        trials, spec = self.records.trials, self.spec
        return list(ask(self.space, spec.sampler, trials, BATCH, seed=0, batch=len(trials)))

    def tell(self, batch: Sequence[Asked]) -> None:
        """Store a batch as a study does: runs of two seeds each, then the trials."""
        first = len(self.records.trials)
        arms = [
            Arm(f"trial-{first + i}", "candidate", self.space.decode(each.params))
            for i, each in enumerate(batch)
        ]
        raced = [Raced(arm, {1.0: self._scores(2)}, [2], True) for arm in arms]
        rows = [
            _row(self.spec, each.arm, seed, accuracy)
            for each in raced
            for seed, accuracy in enumerate(each.scores[1.0])
        ]
        self.storage.add_runs(self.spec.name, rows)
        self.records.write(first, list(zip(batch, raced, strict=True)))

    def _random(self) -> Asked:
        params = self.space.random(self.rng)
        return Asked(params, distributions(self.space, params), {})

    def _scores(self, count: int) -> np.ndarray:
        return self.rng.uniform(0.3, 0.9, count)


def _row(spec: StudySpec, arm: Arm, seed: int, accuracy: float) -> RunRow:
    run = Run(task=spec.task, schedule=arm.schedule, seed=seed)
    result = RunResult(
        key=run.key, status="finished", accuracy=float(accuracy), loss=1.0, steps=1, seconds=1.0
    )
    return RunRow(arm.name, "search", run, result)


def _timed(function: Callable[..., T], *arguments: Any) -> tuple[T, float]:
    began = time.perf_counter()
    return function(*arguments), time.perf_counter() - began


def _with_trials(spec: StudySpec, trials: int) -> StudySpec:
    return spec.model_copy(update={"budget": spec.budget.model_copy(update={"trials": trials})})
