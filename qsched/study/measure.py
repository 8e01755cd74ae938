"""Accuracies of arms: read from the database where they are stored, trained where not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np

from qsched.execution import Executor, split
from qsched.specs import Run, RunResult, StudySpec
from qsched.storage import RunRow, Storage
from qsched.study.arms import Arm
from qsched.study.patience import patient
from qsched.study.progress import Ticker
from qsched.study.seeds import Phase, pool

__all__ = ["Measure"]


class Measure:
    """Scores arms on seeds; every run is trained once per study.

    A cohort's results are written in one transaction when it ends, so an interrupted study has
    whole cohorts; asking again trains the others, in the same composition.
    """

    def __init__(
        self, spec: StudySpec, storage: Storage, executor: Executor, ticker: Ticker
    ) -> None:
        self._spec = spec
        self._storage = storage
        self._executor = executor
        self._ticker = ticker
        rows = storage.runs(spec.name)
        self._known: dict[str, RunResult] = {row.result.key: row.result for row in rows}

    def __call__(
        self,
        phase: Phase,
        arms: Sequence[Arm],
        seeds: range,
        *,
        length: float = 1.0,
        evaluate: Literal["validation", "test"] = "validation",
    ) -> np.ndarray:
        """Return the accuracies of ``arms`` on some of a phase's seeds.

        Args:
            phase: whose pool of seeds.
            arms: the arms, A of them.
            seeds: places in the pool, S of them.
            length: training length, as a share of the task's epochs.
            evaluate: the split.

        Returns:
            Array of shape [A, S], in [0, 1]; a run that diverged scores 0.
        """
        chosen = self.seeds(phase, seeds.stop)[seeds.start :]
        runs = [[self._run(arm, seed, length, evaluate) for seed in chosen] for arm in arms]
        keys = [[run.key for run in row] for row in runs]
        by_key = {
            key: (arm.name, run)
            for arm, row, row_keys in zip(arms, runs, keys, strict=True)
            for run, key in zip(row, row_keys, strict=True)
        }
        count = "seed" if len(chosen) == 1 else "seeds"
        self._ticker.plan(len(by_key), f"{len(arms)} schedules x {len(chosen)} {count}")
        self._train(phase, by_key)
        return np.array([[self._known[key].accuracy or 0.0 for key in row] for row in keys])

    def seeds(self, phase: Phase, count: int) -> tuple[int, ...]:
        """Return the first ``count`` training seeds of a phase."""
        return pool(phase, self._spec.seed, count)

    def _run(
        self, arm: Arm, seed: int, length: float, evaluate: Literal["validation", "test"]
    ) -> Run:
        return Run(
            task=self._spec.task,
            schedule=arm.schedule,
            seed=seed,
            length=length,
            evaluate=evaluate,
        )

    def _train(self, phase: Phase, by_key: dict[str, tuple[str, Run]]) -> None:
        names = {key: name for key, (name, _) in by_key.items()}
        keyed = {run: key for key, (_, run) in by_key.items()}
        cohorts = []
        for cohort in split(list(keyed), self._spec.lanes):
            missing = tuple(run for run in cohort if keyed[run] not in self._known)
            self._ticker.finish(len(cohort) - len(missing), trained=False)
            if missing:
                cohorts.append(missing)
        for index, results in self._executor.run(cohorts):
            pairs = zip(cohorts[index], results, strict=True)
            rows = [RunRow(names[result.key], phase, run, result) for run, result in pairs]
            self._store(rows)
            self._known.update((result.key, result) for result in results)
            self._ticker.finish(len(rows), trained=True)

    def _store(self, rows: Sequence[RunRow]) -> None:
        """Store finished runs, also if the database is away: they cost more than a wait."""
        add = partial(self._storage.add_runs, self._spec.name, rows)
        patient(add, self._ticker.say)
