"""The study loop on a surrogate whose best schedule is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import optuna
import pytest

from qsched.execution import Inline
from qsched.schedules import Schedule
from qsched.specs import (
    Budget,
    Confirmation,
    DataSpec,
    NetworkSpec,
    Run,
    Rung,
    RunResult,
    SamplerSpec,
    StudySpec,
    TaskSpec,
)
from qsched.storage import Storage
from qsched.study import Progress, Verdict, run_study
from qsched.study.arms import is_static
from qsched.study.seeds import pool
from tests.study import surrogate

SPEC = StudySpec(
    name="toy",
    task=TaskSpec(
        data=DataSpec(name="digits", validation=400),
        network=NetworkSpec(name="mlp9", width=16),
        epochs=10,
        batch_size=32,
    ),
    space="ana",
    baselines=("ana-ste-static", "ana-2019-overlapped"),
    budget=Budget(trials=20, rungs=(Rung(seeds=2), Rung(seeds=4))),
    sampler=SamplerSpec(batch=8, startup=8),
    confirmation=Confirmation(candidates=3, baselines=2, selection_seeds=4, report_seeds=8),
    lanes=8,
)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = Storage.open(f"sqlite:///{tmp_path}/study.db")
    yield opened
    opened.close()


class Interrupting:
    """A training function that stops at its n-th cohort and counts what it has trained."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.trained: Counter[str] = Counter()
        self.cohorts = 0
        self.sizes: list[int] = []
        self.stop_at = stop_at

    def __call__(self, runs: Sequence[Run]) -> list[RunResult]:
        self.cohorts += 1
        if self.cohorts == self.stop_at:
            raise KeyboardInterrupt
        self.trained.update(run.key for run in runs)
        self.sizes.append(len(runs))
        return surrogate.train(runs)


def study(spec: StudySpec, storage: Storage, train=surrogate.train, observe=None) -> Verdict:
    with Inline(train) as executor:
        return run_study(spec, storage, executor, observe or (lambda progress: None))


def trials(storage: Storage, name: str = "toy") -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=storage.optuna).get_trials()


def test_finds_the_dynamic_schedule_and_says_so(storage: Storage) -> None:
    verdict = study(SPEC, storage)
    found, hand, static, full = verdict.arms
    assert [c.other for c in verdict.comparisons] == ["hand-coded", "static", "full precision"]
    assert surrogate.true_accuracy(found.schedule) > surrogate.true_accuracy(static.schedule)
    against_static = verdict.comparisons[1]
    assert against_static.significant
    assert against_static.difference > 0
    assert against_static.difference == pytest.approx(found.mean - static.mean)
    assert full.mean > found.mean
    assert " above static (" in verdict.sentence
    assert hand.arm in SPEC.baselines


def test_claims_nothing_where_there_is_nothing(storage: Storage) -> None:
    # At 95 % one comparison in twenty would be significant by chance alone.
    plan = SPEC.confirmation.model_copy(update={"level": 0.999})
    spec = SPEC.model_copy(update={"confirmation": plan})
    verdict = study(spec, storage, surrogate.train_flat)
    assert not any(comparison.significant for comparison in verdict.comparisons)
    assert verdict.sentence.count("no significant difference") == 3


def test_a_static_candidate_raises_the_bar_instead_of_beating_it(storage: Storage) -> None:
    """The search tunes a static schedule better than the grid does; that is no schedule found."""
    budget = SPEC.budget.model_copy(update={"trials": 48, "learning_rates": (0.3,)})
    verdict = study(SPEC.model_copy(update={"budget": budget}), storage, surrogate.train_static)
    found, _, static, _ = verdict.arms
    assert static.arm.startswith("trial-")
    assert is_static(static.schedule)
    assert not is_static(found.schedule)
    assert verdict.comparisons[1].difference < 0


@pytest.mark.parametrize("count", [1, 8, 20])
def test_budget_is_exact(storage: Storage, count: int) -> None:
    budget = SPEC.budget.model_copy(update={"trials": count})
    verdict = study(SPEC.model_copy(update={"budget": budget}), storage)
    kinds = Counter(trial.user_attrs["kind"] for trial in trials(storage))
    assert verdict.trials == kinds["candidate"] == count
    assert kinds["baseline"] == len(SPEC.baselines)
    assert kinds["static"] == len(SPEC.static.backward_std)


def test_phases_use_disjoint_seeds_and_the_test_set_is_opened_in_the_report_only(
    storage: Storage,
) -> None:
    study(SPEC, storage)
    rows = storage.runs("toy")
    for phase in ("search", "selection", "report"):
        mine = [row for row in rows if row.phase == phase]
        assert mine
        assert {row.run.seed for row in mine} <= set(pool(phase, SPEC.seed, 100))
        split = "test" if phase == "report" else "validation"
        assert {row.run.evaluate for row in mine} == {split}
    assert len([row for row in rows if row.phase == "report"]) == 4 * 8


def test_trials_are_means_over_common_seeds(storage: Storage) -> None:
    study(SPEC, storage)
    rows = storage.runs("toy", "search")
    candidates = [t for t in trials(storage) if t.user_attrs["kind"] == "candidate"]
    for trial in candidates:
        mine = [row for row in rows if row.arm == trial.user_attrs["arm"]]
        scores = {row.run.seed: row.result.accuracy or 0.0 for row in mine}
        assert sorted(scores) == list(pool("search", SPEC.seed, trial.user_attrs["seeds"]))
        assert trial.value == pytest.approx(sum(scores.values()) / len(scores))
        complete = trial.state == optuna.trial.TrialState.COMPLETE
        assert complete == (trial.user_attrs["seeds"] == 4)
    states = Counter(trial.state.name for trial in candidates)
    assert states["PRUNED"] > 0
    assert states["COMPLETE"] > 0


def test_same_seed_gives_the_same_study(storage: Storage, tmp_path: Path) -> None:
    other = Storage.open(f"sqlite:///{tmp_path}/other.db")
    assert study(SPEC, storage) == study(SPEC, other)
    assert [t.params for t in trials(storage)] == [t.params for t in trials(other)]
    third = Storage.open(f"sqlite:///{tmp_path}/third.db")
    study(SPEC.model_copy(update={"seed": 1}), third)
    assert trials(third)[-1].params != trials(other)[-1].params
    other.close()
    third.close()


def test_interrupted_anywhere_and_resumed_it_is_the_same_study(
    storage: Storage, tmp_path: Path
) -> None:
    whole = Interrupting()
    expected = study(SPEC, storage, whole)
    resumed = Storage.open(f"sqlite:///{tmp_path}/resumed.db")
    total: Counter[str] = Counter()
    for stop_at in (1, 3, 2, 7, 5, 4, 6, None):
        train = Interrupting(stop_at)
        if stop_at is None:
            verdict = study(SPEC, resumed, train)
        else:
            with pytest.raises(KeyboardInterrupt):
                study(SPEC, resumed, train)
            assert resumed.study("toy").state == "interrupted"
        total += train.trained
    assert verdict == expected
    assert total == whole.trained
    assert max(total.values()) == 1
    assert [t.params for t in trials(resumed)] == [t.params for t in trials(storage)]
    resumed.close()


def test_a_finished_study_is_read_not_trained(storage: Storage) -> None:
    expected = study(SPEC, storage)
    train = Interrupting(stop_at=1)
    assert study(SPEC, storage, train) == expected
    assert train.cohorts == 0


def test_a_study_with_a_verdict_is_finished_whatever_is_said(storage: Storage) -> None:
    """Earlier releases stored verdict and state one after the other, and could end in between."""
    expected = study(SPEC, storage)
    assert storage.study("toy").state == "finished"
    storage.set_state("toy", "running")
    assert study(SPEC, storage) == expected
    assert storage.study("toy").state == "finished"


def test_diverged_candidates_score_zero_and_count(storage: Storage) -> None:
    def diverges(schedule: Schedule) -> bool:
        return schedule.learning_rate.initial > 0.02

    def train(runs: Sequence[Run]) -> list[RunResult]:
        return [
            surrogate.diverged(run)
            if diverges(run.schedule)
            else surrogate.result(run, surrogate.true_accuracy(run.schedule))
            for run in runs
        ]

    verdict = study(SPEC, storage, train)
    candidates = [t for t in trials(storage) if t.user_attrs["kind"] == "candidate"]
    failed = {row.arm for row in storage.runs("toy") if row.result.status == "failed"}
    scores = {
        t.user_attrs["arm"]: t.value
        for t in candidates
        if diverges(Schedule.model_validate_json(t.user_attrs["schedule"]))
    }
    assert 0 < len(scores) < SPEC.budget.trials
    assert set(scores) <= failed
    assert set(scores.values()) == {0.0}
    assert verdict.trials == len(candidates) == SPEC.budget.trials


def test_progress_reaches_its_totals(storage: Storage) -> None:
    seen: list[Progress] = []
    study(SPEC, storage, observe=seen.append)
    phases = list(dict.fromkeys(state.phase for state in seen))
    assert phases == ["baselines", "search", "selection", "report"]
    for phase in phases:
        last = [state for state in seen if state.phase == phase][-1]
        assert last.done == last.total > 0
    assert seen[-1].trials == seen[-1].trials_total == 20
    assert seen[-1].seconds_left == 0
    assert seen[-1].best is not None


def test_a_short_rung_serves_where_it_ranks_as_full_length(storage: Storage) -> None:
    rungs = (Rung(length=0.5, seeds=2), *SPEC.budget.rungs)
    spec = SPEC.model_copy(update={"budget": SPEC.budget.model_copy(update={"rungs": rungs})})
    verdict = study(spec, storage)
    assert "length 0.5 serves" in verdict.rungs
    assert any(
        row.run.length == 0.5 and row.arm.startswith("trial") for row in storage.runs("toy")
    )


def test_a_short_rung_that_ranks_otherwise_is_left_out(storage: Storage) -> None:
    def train(runs: Sequence[Run]) -> list[RunResult]:
        return [
            surrogate.result(
                run, surrogate.true_accuracy(run.schedule) * (1 if run.length == 1 else -1) + 1
            )
            for run in runs
        ]

    rungs = (Rung(length=0.5, seeds=2), *SPEC.budget.rungs)
    spec = SPEC.model_copy(update={"budget": SPEC.budget.model_copy(update={"rungs": rungs})})
    verdict = study(spec, storage, train)
    assert "length 0.5 is left out" in verdict.rungs
    assert not any(
        row.run.length == 0.5 and row.arm.startswith("trial") for row in storage.runs("toy")
    )
