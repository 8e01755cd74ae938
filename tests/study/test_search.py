"""Batches asked ahead of results: the same study in whatever order its results come."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
from optuna.trial import FrozenTrial
from sqlalchemy import Engine, event

from qsched.execution import Answers, Cohort, Executor, Inline, Local
from qsched.execution.board import Board, Rank, in_order
from qsched.schedules import Schedule
from qsched.spaces import load_space
from qsched.specs import Run, StudySpec, TaskSpec
from qsched.storage import Storage
from qsched.study import Verdict, run_study
from qsched.study.arms import Arm
from qsched.study.invariants import violations
from qsched.study.racing import Raced, incumbents, race
from qsched.study.records import as_asked
from qsched.study.seeds import pool
from qsched.study.warm import Warm, ask_warm
from tests.study import surrogate
from tests.study.test_loop import SPEC, Interrupting, trials
from tests.study.test_racing import lead


def spec_of(ahead: int, count: int = 28, name: str = "tpe") -> StudySpec:
    sampler = SPEC.sampler.model_copy(update={"ahead": ahead, "name": name})
    budget = SPEC.budget.model_copy(update={"trials": count})
    return SPEC.model_copy(update={"sampler": sampler, "budget": budget, "lanes": 3})


class Shuffled:
    """Workers that end in any order; an executor.

    Args:
        workers: how many.
        seed: of the order.
    """

    def __init__(self, workers: int, seed: int = 0) -> None:
        self.workers = workers
        self.random = random.Random(seed)
        self.trained: Counter[str] = Counter()
        self.together: set[frozenset[int]] = set()
        self.idle = 0

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        board, out = Board(cohorts, 0, rank), list[int]()
        while board.waiting or out:
            while board.waiting and len(out) < self.workers:
                out.append(board.next() or 0)
            self.idle += self.workers - len(out)
            self.together.add(frozenset(map(rank, out)))
            index = out.pop(self.random.randrange(len(out)))
            self.trained.update(run.key for run in cohorts[index])
            yield [(index, surrogate.train(cohorts[index]))]

    def parts(self, task: TaskSpec) -> int:
        return 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def study(spec: StudySpec, folder: Path, executor: Executor) -> tuple[Verdict, list[Any]]:
    """Return a study's verdict and what its trials say."""
    folder.mkdir(exist_ok=True)
    with Storage.open(f"sqlite:///{folder}/study.db") as storage, executor:
        verdict = run_study(spec, storage, executor, lambda progress: None)
        assert violations(storage) == []
        counts = Counter(row.result.key for row in storage.runs("toy"))
        assert set(counts.values()) == {1}
        return verdict, [said(trial) for trial in trials(storage)]


def said(trial: FrozenTrial) -> tuple[object, ...]:
    return trial.params, trial.value, trial.state, trial.user_attrs, trial.intermediate_values


def accuracies(step: Any, spec: StudySpec) -> Any:
    """Train a block of a race, run by run."""
    seeds = pool(step.phase, spec.seed, step.seeds.stop)[step.seeds.start :]
    return [
        [surrogate.train([_run(spec, arm.schedule, seed)])[0].accuracy or 0.0 for seed in seeds]
        for arm in step.arms
    ]


def _run(spec: StudySpec, schedule: Schedule, seed: int) -> Run:
    return Run(task=spec.task, schedule=schedule, seed=seed)


@pytest.mark.parametrize("name", ["tpe", "qmc"])
@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_a_batch_knows_the_batches_before_those_under_way(
    tmp_path: Path, ahead: int, name: str
) -> None:
    """The search again as a plain loop, from the trials that the study has stored."""
    spec, space = spec_of(ahead, name=name), load_space(SPEC.space)
    study(spec, tmp_path, Inline(surrogate.train))
    with Storage.open(f"sqlite:///{tmp_path}/study.db") as storage:
        stored = trials(storage)
    first, size = len(stored) - spec.budget.trials, spec.sampler.batch
    raced: list[Raced] = []
    for number, begin in enumerate(range(first, len(stored), size)):
        seen = max(begin - ahead * size, first)
        asked = ask_warm(
            space,
            spec,
            stored[:seen],
            min(size, len(stored) - begin),
            batch=number,
            warm=Warm(),
            pending=[as_asked(trial) for trial in stored[seen:begin]],
        )
        arms = [
            Arm(f"trial-{begin + i}", "candidate", space.decode(each.params))
            for i, each in enumerate(asked)
        ]
        known = [_baseline(spec, trial) for trial in stored[:first]]
        bar = incumbents([*known, *raced[: seen - first]])
        raced += lead(race(arms, spec.budget.rungs, bar), lambda step: accuracies(step, spec))
    assert [entry.mean for entry in raced] == [trial.value for trial in stored[first:]]
    assert [entry.arm.schedule.model_dump_json() for entry in raced] == [
        trial.user_attrs["schedule"] for trial in stored[first:]
    ]
    assert [entry.finished for entry in raced] == [
        trial.state.name == "COMPLETE" for trial in stored[first:]
    ]


def _baseline(spec: StudySpec, trial: FrozenTrial) -> Raced:
    """Return a baseline as it was raced."""
    schedule = Schedule.model_validate_json(trial.user_attrs["schedule"])
    arm = Arm(trial.user_attrs["arm"], trial.user_attrs["kind"], schedule)
    [entry] = lead(race([arm], spec.budget.rungs), lambda step: accuracies(step, spec))
    entry.finished = trial.state.name == "COMPLETE"
    return entry


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_the_order_of_results_changes_nothing(tmp_path: Path, ahead: int) -> None:
    spec = spec_of(ahead)
    expected = study(spec, tmp_path / "inline", Inline(surrogate.train))
    for seed, workers in enumerate((3, 100)):
        executor = Shuffled(workers, seed)
        assert study(spec, tmp_path / f"shuffled-{seed}", executor) == expected
        assert set(executor.trained.values()) == {1}
    assert study(spec, tmp_path / "local", Local(surrogate.train, 2)) == expected


def test_batches_ahead_keep_workers_busy(tmp_path: Path) -> None:
    idle = {}
    for ahead in (0, 2):
        executor = Shuffled(8)
        study(spec_of(ahead), tmp_path / str(ahead), executor)
        idle[ahead] = executor.idle
        assert max(map(len, executor.together)) == 1 + ahead
    assert idle[2] < idle[0]


@pytest.mark.parametrize("ahead", [1, 2])
def test_interrupted_anywhere_and_resumed_it_is_the_same_study(tmp_path: Path, ahead: int) -> None:
    spec = spec_of(ahead)
    whole = Interrupting()
    verdict, expected = study(spec, tmp_path / "whole", Inline(whole))
    total: Counter[str] = Counter()
    with Storage.open(f"sqlite:///{tmp_path}/study.db") as storage:
        for stop_at in (30, 2, 9, 17, 1, 5):
            train = Interrupting(stop_at)
            with pytest.raises(KeyboardInterrupt), Inline(train) as executor:
                run_study(spec, storage, executor, lambda progress: None)
            assert violations(storage) == []
            total += train.trained
        last = Shuffled(3)
        assert run_study(spec, storage, last, lambda progress: None) == verdict
        assert [said(trial) for trial in trials(storage)] == expected
    assert total + last.trained == whole.trained
    assert set(whole.trained.values()) == {1}


@pytest.mark.parametrize("count", [1, 8, 21])
def test_budget_is_exact(tmp_path: Path, count: int) -> None:
    verdict, said_of = study(spec_of(2, count), tmp_path, Shuffled(5))
    kinds = Counter(attributes["kind"] for _, _, _, attributes, _ in said_of)
    assert verdict.trials == kinds["candidate"] == count


def test_later_batches_wait_for_their_turn_to_be_recorded(tmp_path: Path) -> None:
    """The second batch ends first; trials are numbered by batch all the same."""

    class Late(Shuffled):
        """Answers what is least urgent first."""

        def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
            waiting = Board(cohorts, 0, lambda index: 1000 - rank(index))
            while (index := waiting.next()) is not None:
                yield [(index, surrogate.train(cohorts[index]))]

    spec = spec_of(3)
    expected = study(spec, tmp_path / "inline", Inline(surrogate.train))
    assert study(spec, tmp_path / "late", Late(1)) == expected


@pytest.mark.parametrize("ahead", [0, 2])
def test_answers_that_come_together_are_stored_together(tmp_path: Path, ahead: int) -> None:
    class Together(Inline):
        """Answers all that it was given at once."""

        def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
            board = Board(cohorts, 0, rank)
            while board.waiting:
                out = [board.next() or 0 for _ in range(board.waiting)]
                yield [(index, surrogate.train(cohorts[index])) for index in out]

    def writes(executor: Executor, folder: str) -> tuple[Any, int]:
        commits: list[object] = []
        note = commits.append
        event.listen(Engine, "commit", note)
        try:
            return study(spec_of(ahead), tmp_path / folder, executor), len(commits)
        finally:
            event.remove(Engine, "commit", note)

    expected, many = writes(Inline(surrogate.train), "inline")
    found, few = writes(Together(surrogate.train), "together")
    assert found == expected
    assert few < many / 2


def test_it_is_told_batch_by_batch(tmp_path: Path) -> None:
    told = []
    with Storage.open(f"sqlite:///{tmp_path}/study.db") as storage:
        run_study(spec_of(1, 20), storage, Shuffled(4), told.append)
    counts = [progress.trials for progress in told if progress.phase == "search"]
    assert sorted(set(counts)) == [0, 8, 16, 20]
    assert counts == sorted(counts)
    last = [progress for progress in told if progress.phase == "search"][-1]
    assert last.done == last.total
