"""Training what SchedBench asks for: resumable, by any executor, into a study database."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from qsched.execution import Cohort, Executor, split
from qsched.learning.bench.plans import FINALISTS, BenchArm, Plan, bench_study
from qsched.learning.bench.tasks import BenchSpec, BenchTask
from qsched.specs import Run, RunResult, digest
from qsched.storage import Phase, RunRow, Storage
from qsched.study.seeds import pool

__all__ = ["ARMS_NOTE", "Generator", "Observe"]

LANES = 64
"""Runs of a cohort: what is lost if training is interrupted."""

AHEAD = 2
"""Cohorts handed out for each worker: the next one waits while one is trained."""

ARMS_NOTE = "arms"
"""Under which note of a study that of each of its arms is kept, by name."""

Observe = Callable[[str, int, int], None]
"""Is told the task, and how many of how many runs of it are trained."""

Identity = tuple[str, float, str, int, float]
"""Arm, learning rate, phase, seed, length: what names a run within a task."""


@dataclass(frozen=True)
class _Request:
    """A run to be made, if it is not stored."""

    arm: BenchArm
    rate: float
    phase: Phase
    seed: int
    length: float

    @property
    def identity(self) -> Identity:
        return self.arm.name, self.rate, self.phase, self.seed, self.length

    def run(self, task: BenchTask) -> Run:
        return Run(
            task=task.spec,
            schedule=self.arm.schedule.at_learning_rate(self.rate),
            seed=self.seed,
            length=self.length,
            evaluate="test" if self.phase == "report" else "validation",
        )


@dataclass(frozen=True)
class _Known:
    """Results by what names a run within a task, and by its key.

    Arms of equal schedules share their runs, which are stored for the first one.
    """

    by_name: dict[Identity, RunResult]
    by_key: dict[str, RunResult]

    @classmethod
    def of(cls, rows: Sequence[RunRow]) -> _Known:
        return cls(
            {_identity(row): row.result for row in rows},
            {row.run.key: row.result for row in rows},
        )

    def wanting(self, request: _Request, task: BenchTask) -> Run | None:
        """Return the run that is to be trained for a request; None if its result is known."""
        if request.identity in self.by_name:
            return None
        run = request.run(task)
        if run.key not in self.by_key:
            return run
        self.by_name[request.identity] = self.by_key[run.key]
        return None

    def add(self, result: RunResult, requests: Iterable[_Request]) -> None:
        """Take note of a result, and of all that asked for it."""
        self.by_key[result.key] = result
        self.by_name.update((request.identity, result) for request in requests)

    def accuracy(self, request: _Request) -> float:
        """Return the accuracy of a request that was trained; 0 where it diverged."""
        return self.by_name[request.identity].accuracy or 0.0


class Generator:
    """Trains tasks of SchedBench; what is stored is not trained again.

    Runs of a task are stored as those of a study of its name. Search comes first: all arms at all
    learning rates, scored on the validation set. Then the finalists at their best learning rates
    are trained on the seeds of the report, and scored on the test set too.

    Args:
        bench: what SchedBench trains.
        storage: where runs are stored.
        executor: where they are trained.
        observe: told of progress.
        seconds: no cohort is handed out after so many; None is no limit.
        workers: cohorts that the executor trains at once; None is not known: all are handed out.
    """

    def __init__(
        self,
        bench: BenchSpec,
        storage: Storage,
        executor: Executor,
        observe: Observe,
        seconds: float | None = None,
        workers: int | None = 1,
    ) -> None:
        self._bench, self._storage, self._executor = bench, storage, executor
        self._observe = observe
        self._ahead = None if workers is None else AHEAD * workers
        self._until = None if seconds is None else time.monotonic() + seconds

    def train(self, task: BenchTask, plans: Sequence[Plan]) -> bool:
        """Train the plans of one task; return whether all of them are trained."""
        mine = [plan for plan in plans if _concerns(plan, task.name)]
        if not mine:
            return True
        study = bench_study(self._bench, task.name, task.spec)
        self._storage.save_study(study, digest(task.spec))
        self._note(mine, study.name)
        known = _Known.of(self._storage.runs(study.name))
        if not self._pass(task, [r for plan in mine for r in _search(plan)], known):
            return False
        if not self._pass(task, _reports(mine, known), known):
            return False
        self._storage.set_state(study.name, "finished")
        return True

    def _note(self, plans: Sequence[Plan], study: str) -> None:
        """Store what the rows of runs do not say of their arms."""
        noted = self._storage.study(study).notes.get(ARMS_NOTE, {})
        named = {plan.arm.name: plan.arm.note() for plan in plans}
        self._storage.set_note(study, ARMS_NOTE, noted | named)

    def _pass(self, task: BenchTask, requests: Iterable[_Request], known: _Known) -> bool:
        """Train what is not known, and add it; return whether time sufficed."""
        wanted: dict[str, tuple[Run, list[_Request]]] = {}
        for request in requests:
            run = known.wanting(request, task)
            if run is not None:
                wanted.setdefault(run.key, (run, []))[1].append(request)
        waiting = deque(split([run for run, _ in wanted.values()], LANES))
        out: list[Cohort] = []
        self._hand_out(waiting, out, self._ahead)
        done = 0
        self._observe(task.name, 0, len(wanted))
        writer = self._storage.run_writer(task.name)
        for answers in self._executor.run(out):
            rows = []
            for index, results in answers:
                for run, result in zip(out[index], results, strict=True):
                    asked = wanted[result.key][1]
                    rows.append(RunRow(asked[0].arm.name, asked[0].phase, run, result))
                    known.add(result, asked)
            writer.append(rows)
            done += len(rows)
            self._observe(task.name, done, len(wanted))
            self._hand_out(waiting, out, len(answers))
        return not waiting

    def _hand_out(self, waiting: deque[Cohort], out: list[Cohort], count: int | None) -> None:
        """Move the next cohorts to those that workers take theirs from, while there is time."""
        if self._until is None or time.monotonic() <= self._until:
            out += [waiting.popleft() for _ in range(min(len(waiting), count or len(waiting)))]


def _concerns(plan: Plan, task: str) -> bool:
    return not plan.tasks or any(fnmatchcase(task, pattern) for pattern in plan.tasks)


def _identity(row: RunRow) -> Identity:
    run = row.run
    return row.arm, run.schedule.learning_rate.initial, row.phase, run.seed, run.length


def _search(plan: Plan, lengths: tuple[float, ...] | None = None) -> list[_Request]:
    return [
        _Request(plan.arm, rate, "search", seed, length)
        for length in lengths or plan.lengths
        for rate in plan.rates
        for seed in pool("search", 0, plan.search_seeds)
    ]


def _reports(plans: Sequence[Plan], known: _Known) -> list[_Request]:
    """Return the runs of the report: finalists at their best learning rates."""
    requests = []
    for plan in _finalists([plan for plan in plans if plan.report_seeds], known):
        for length in plan.lengths:
            rate, _ = _best(plan, length, known)
            requests += [
                _Request(plan.arm, rate, "report", seed, length)
                for seed in pool("report", 0, plan.report_seeds)
            ]
    return requests


def _finalists(plans: Sequence[Plan], known: _Known) -> list[Plan]:
    groups: dict[str, list[Plan]] = defaultdict(list)
    for plan in plans:
        groups[plan.group].append(plan)
    chosen = groups.pop("", [])
    for name, group in groups.items():
        ranked = sorted(group, key=lambda plan: -_best(plan, plan.lengths[0], known)[1])
        chosen += ranked[: FINALISTS[name]]
    return chosen


def _best(plan: Plan, length: float, known: _Known) -> tuple[float, float]:
    """Return the learning rate of highest mean accuracy in the search, and that accuracy."""
    if len(plan.rates) == 1 and not plan.search_seeds:
        return plan.rates[0], 0.0
    means = []
    for rate in plan.rates:
        requests = _search(plan, (length,))
        scores = [known.accuracy(request) for request in requests if request.rate == rate]
        means.append(float(np.mean(scores)))
    best = int(np.argmax(means))
    return plan.rates[best], means[best]
