"""Accuracies of arms: read from the database where they are stored, trained where not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from qsched.execution import Answers, Cohort, Executor, split
from qsched.specs import Run, RunResult, StudySpec
from qsched.storage import RunRow, Storage
from qsched.study.arms import Arm
from qsched.study.patience import patient
from qsched.study.progress import Ticker
from qsched.study.seeds import Phase, pool
from qsched.study.steps import Block, Course, Request, Split, Steps, scored

__all__ = ["Measure"]

T = TypeVar("T")


class Measure:
    """Scores arms on seeds; every run is trained once per study.

    A cohort's results are written in one transaction when it ends, with those that ended at the
    same time, so an interrupted study has whole cohorts; asking again trains the others, in the
    same composition where they train as one computation.
    """

    def __init__(
        self, spec: StudySpec, storage: Storage, executor: Executor, ticker: Ticker
    ) -> None:
        self._spec = spec
        self._executor = executor
        self._ticker = ticker
        self._writer = storage.run_writer(spec.name)
        rows = storage.runs(spec.name)
        self._known: dict[str, RunResult] = {row.result.key: row.result for row in rows}

    def __call__(
        self,
        phase: Phase,
        arms: Sequence[Arm],
        seeds: range,
        *,
        length: float = 1.0,
        evaluate: Split = "validation",
    ) -> np.ndarray:
        """Return the accuracies of one block (:class:`~qsched.study.steps.Block`).

        Returns:
            Array of shape [A, S], in [0, 1]; a run that diverged scores 0.
        """
        return self.alone(scored(Block(phase, arms, seeds, length, evaluate)))

    def alone(self, steps: Steps[T]) -> T:
        """Return what ``steps`` come to."""
        [(_, result)] = self.together([steps])
        return result

    def together(self, many: Sequence[Steps[T]]) -> Iterator[tuple[int, T]]:
        """Yield ``(index, what they come to)`` as steps end, in any order.

        Whoever uses a result may append to ``many``, as to the cohorts of an
        :class:`~qsched.execution.Executor`: all of them share one call.
        """
        course = Course(many, self._begin, self._scores)
        yield from course.ends()
        for answers in self._executor.run(course.cohorts, course.rank):
            self._keep(course, answers)
            for _, results in answers:
                course.answered({result.key for result in results})
            yield from course.ends()

    def seeds(self, phase: Phase, count: int) -> tuple[int, ...]:
        """Return the first ``count`` training seeds of a phase."""
        return pool(phase, self._spec.seed, count)

    def _begin(self, block: Block, training: set[str]) -> Request:
        """Return a request for a block; its cohorts are what is neither known nor in training."""
        seeds = self.seeds(block.phase, block.seeds.stop)[block.seeds.start :]
        runs = [[self._run(block, arm, seed) for seed in seeds] for arm in block.arms]
        keys = [[run.key for run in row] for row in runs]
        pairs = list(zip(block.arms, runs, keys, strict=True))
        names = {key: arm.name for arm, _, row in pairs for key in row}
        unique = {key: run for _, row, its in pairs for run, key in zip(row, its, strict=True)}
        count = "seed" if len(seeds) == 1 else "seeds"
        self._ticker.plan(len(unique), f"{len(block.arms)} schedules x {len(seeds)} {count}")
        missing = unique.keys() - self._known.keys()
        cohorts = self._cohorts(unique, missing - training)
        return Request(block.phase, keys, names, missing, cohorts)

    def _run(self, block: Block, arm: Arm, seed: int) -> Run:
        return Run(
            task=self._spec.task,
            schedule=arm.schedule,
            seed=seed,
            length=block.length,
            evaluate=block.evaluate,
        )

    def _cohorts(self, runs: dict[str, Run], wanted: set[str]) -> list[Cohort]:
        """Return those of ``runs`` that are wanted, in the cohorts that all of them make."""
        keyed = {id(run): key for key, run in runs.items()}
        parts = self._executor.parts(self._spec.task)
        cohorts = []
        for cohort in split(list(runs.values()), self._spec.lanes, parts):
            missing = tuple(run for run in cohort if keyed[id(run)] in wanted)
            self._ticker.finish(len(cohort) - len(missing), trained=False)
            if missing:
                cohorts.append(missing)
        return cohorts

    def _scores(self, request: Request) -> np.ndarray:
        return np.array(
            [[self._known[key].accuracy or 0.0 for key in row] for row in request.keys]
        )

    def _keep(self, course: Course[T], answers: Answers) -> None:
        """Store finished runs, also if the database is away: they cost more than a wait."""
        rows = []
        for index, results in answers:
            request, cohort = course.request(index), course.cohorts[index]
            for run, result in zip(cohort, results, strict=True):
                rows.append(RunRow(request.names[result.key], request.phase, run, result))
        patient(partial(self._writer.append, rows), self._ticker.say)
        self._known.update((row.result.key, row.result) for row in rows)
        self._ticker.finish(len(rows), trained=True)
