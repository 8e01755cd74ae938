"""Generation on a training function in closed form: what is trained, once, and on which seeds."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from qsched.errors import InputError, SpecError, UnknownNameError
from qsched.execution import Answers, Cohort, Inline
from qsched.execution.board import Rank, in_order
from qsched.learning import load_bench, load_tests
from qsched.learning.bench.experiments import experiment_plans
from qsched.learning.bench.export import collect, export_bench
from qsched.learning.bench.generate import Generator
from qsched.learning.bench.plans import Plan, bench_plans, extra_plans
from qsched.learning.bench.refined import refined_plans, scores_without
from qsched.learning.bench.tasks import chosen, load_bench_spec
from qsched.schedules.file import load_schedule
from qsched.specs import CurvePoint, Run, RunResult
from qsched.storage import Storage
from tests.study import surrogate

BENCH = load_bench_spec()
NAMES = ["digits-mlp9-ternary-short", "cancer-mlp9-ternary-short", "cifar-mlp9-ternary-short"]
TEST_SHIFT = -0.05


class Trainer:
    """Counts what it trains; test accuracy lies below validation accuracy by a constant."""

    def __init__(self) -> None:
        self.runs: list[Run] = []

    def __call__(self, runs: Sequence[Run]) -> list[RunResult]:
        self.runs += runs
        return [self._result(run) for run in runs]

    def _result(self, run: Run) -> RunResult:
        seen = surrogate.true_accuracy(run.schedule) + 0.01 * surrogate.noise(run.seed)
        shift = TEST_SHIFT if run.evaluate == "test" else 0.0
        curve = tuple(
            CurvePoint(step=30 * k, loss=1 / k, accuracy=seen * k / 10) for k in range(1, 11)
        )
        return RunResult(
            key=run.key,
            status="finished",
            accuracy=seen + shift,
            loss=1 - seen,
            curve=curve,
            steps=300,
            seconds=0.01,
            versions={"qsched": "0"},
        )


@pytest.fixture
def trainer() -> Trainer:
    return Trainer()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    with Storage.open(f"sqlite:///{tmp_path}/bench.db") as opened:
        yield opened


def generate(
    storage: Storage,
    trainer: Trainer,
    plans: Sequence[Plan],
    names: Sequence[str] = NAMES[:1],
    seconds: float | None = None,
) -> bool:
    generator = Generator(BENCH, storage, Inline(trainer), lambda *_: None, seconds)
    return all(generator.train(task, plans) for task in chosen(BENCH, names))


def plans(design: int = 4, seeds: int = 2, report: int = 3) -> list[Plan]:
    """The bundled plans, but for most hand-coded schedules."""
    kept = ("ana-2019-overlapped", "ana-ste-static", "inq-halves")
    return [
        plan
        for plan in bench_plans(BENCH, design, seeds, report)
        if plan.arm.kind != "hand-coded" or plan.arm.name in kept
    ]


def test_what_is_stored_is_not_trained_again(storage: Storage, trainer: Trainer) -> None:
    assert generate(storage, trainer, plans())
    count = len(trainer.runs)
    assert generate(storage, trainer, plans())
    assert len(trainer.runs) == count
    assert len(storage.runs(NAMES[0])) == count


def test_arms_of_equal_schedules_share_what_is_stored(storage: Storage, trainer: Trainer) -> None:
    [first] = [plan for plan in plans() if plan.arm.name == "ana-ste-static"]
    assert generate(storage, trainer, [first])
    count = len(trainer.runs)
    second = replace(first, arm=replace(first.arm, name="another"), report_seeds=4)
    for _ in range(2):
        assert generate(storage, trainer, [second])
        # One seed of the report is new; the search chose the same learning rate.
        assert len(trainer.runs) == count + 1
    assert Counter(row.arm for row in storage.runs(NAMES[0])) == {
        "ana-ste-static": count,
        "another": 1,
    }


def test_a_larger_design_adds_its_new_points_alone(storage: Storage, trainer: Trainer) -> None:
    generate(storage, trainer, plans(design=4))
    before = len(trainer.runs)
    generate(storage, trainer, plans(design=6, seeds=2))
    added = storage.runs(NAMES[0])[before:]
    assert Counter(row.arm for row in added) == {
        f"{algorithm}-sobol-{i:04d}": 2 for algorithm in ("ana", "inq") for i in (4, 5)
    }


def test_no_cohort_is_begun_after_the_time(storage: Storage, trainer: Trainer) -> None:
    assert not generate(storage, trainer, plans(), seconds=-1)
    assert trainer.runs == []
    assert storage.study(NAMES[0]).state == "running"


class Watched(Inline):
    """Notes how many cohorts were handed out whenever one is answered."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__(trainer)
        self.out: list[int] = []

    def run(self, cohorts: Sequence[Cohort], rank: Rank = in_order) -> Iterator[Answers]:
        for answers in super().run(cohorts, rank):
            self.out.append(len(cohorts))
            yield answers


@pytest.mark.parametrize(("workers", "first"), [(1, 2), (2, 4), (None, 8)])
def test_every_worker_has_a_cohort_that_waits_for_it(
    storage: Storage, trainer: Trainer, workers: int | None, first: int
) -> None:
    watched = Watched(trainer)
    generator = Generator(BENCH, storage, watched, lambda *_: None, workers=workers)
    [task] = chosen(BENCH, NAMES[:1])
    design = [plan for plan in plans(design=128) if plan.arm.kind == "design"]
    assert generator.train(task, design)
    # 128 points of two algorithms on two seeds: eight cohorts of 64 runs.
    assert watched.out[0] == first
    assert watched.out == [min(first + k, 8) for k in range(8)]
    assert len(trainer.runs) == 512


def test_cohorts_that_were_handed_out_in_time_are_stored_and_the_others_trained_later(
    storage: Storage, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = [plan for plan in plans(design=128) if plan.arm.kind == "design"]
    monkeypatch.setattr(time, "monotonic", iter([0.0, 0.0, *[99.0] * 9]).__next__)
    assert not generate(storage, trainer, design, seconds=10)
    monkeypatch.undo()
    assert len(storage.runs(NAMES[0])) == len(trainer.runs) == 2 * 64
    assert generate(storage, trainer, design)
    assert len({run.key for run in trainer.runs}) == len(trainer.runs) == 512


def test_all_arms_share_the_seeds_of_a_phase(storage: Storage, trainer: Trainer) -> None:
    generate(storage, trainer, plans())
    rows = storage.runs(NAMES[0])
    seeds = {
        phase: {row.run.seed for row in rows if row.phase == phase}
        for phase in ("search", "report")
    }
    assert seeds == {"search": {0, 1}, "report": {200_000, 200_001, 200_002}}
    assert all((row.run.evaluate == "test") == (row.phase == "report") for row in rows)


def test_arms_are_reported_at_their_best_learning_rate(storage: Storage, trainer: Trainer) -> None:
    generate(storage, trainer, plans())
    rates = [BENCH.learning_rate * factor for factor in BENCH.learning_rates]
    best = min(rates, key=lambda rate: abs(np.log(rate / surrogate.BEST_RATE)))
    reported = [row for row in storage.runs(NAMES[0]) if row.phase == "report"]
    assert {row.run.schedule.learning_rate.initial for row in reported} == {best}
    # The two static arms of a width nearest to the best one are finalists, no other is.
    static = {row.arm for row in reported if row.arm.startswith("static")}
    assert static == {"static-0.82", "static-1.15"}
    assert not any("sobol" in row.arm for row in reported)


def test_the_files_hold_what_was_trained(
    storage: Storage, trainer: Trainer, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    generate(storage, trainer, plans(), NAMES)
    about = export_bench(BENCH, storage, tmp_path / "out")
    bench, tests = load_bench(tmp_path / "out"), load_tests(tmp_path / "out")

    assert about["runs"] == len(bench.runs) == len(trainer.runs)
    assert set(bench.tasks.name) == set(NAMES)
    shown = dict(zip(bench.runs.key, bench.runs.accuracy, strict=True))
    for run in trainer.runs[:: len(trainer.runs) // 50]:
        expected = surrogate.true_accuracy(run.schedule) + 0.01 * surrogate.noise(run.seed)
        assert shown[run.key[:16]] == pytest.approx(expected, abs=1e-6)
    # Test accuracy stands in the other file alone, and of the report alone.
    reported = bench.runs.where(bench.runs.phase == "report")
    assert sorted(tests.key) == sorted(reported.key)
    difference = tests.accuracy - np.array([shown[key] for key in tests.key])
    np.testing.assert_allclose(difference, TEST_SHIFT, atol=1e-5)
    assert np.isnan(reported.loss).all()
    np.testing.assert_allclose(
        bench.runs.curve_accuracy,
        bench.runs.accuracy[:, None] * [0.2, 0.4, 0.6, 0.8, 1.0],
        atol=1e-4,
    )
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"{len(trainer.runs):,} trainings" in card
    assert about["runs_sha256"] in card


def test_points_of_the_files_are_those_of_the_design(storage: Storage, trainer: Trainer) -> None:
    generate(storage, trainer, plans())
    bench, _ = collect(BENCH, storage, chosen(BENCH))
    made = {plan.arm.name: plan.arm.point for plan in plans() if plan.arm.kind == "design"}
    found = dict(zip(bench.arms.name, bench.arms.points(), strict=True))
    assert {name: found[name] for name in made} == made


def test_an_empty_database_is_no_bench(storage: Storage) -> None:
    with pytest.raises(InputError, match="bench-data"):
        collect(BENCH, storage, chosen(BENCH))


def test_refined_arms_never_see_the_data_set_left_out(storage: Storage, trainer: Trainer) -> None:
    generate(storage, trainer, plans(design=16), NAMES)
    known, _ = collect(BENCH, storage, chosen(BENCH, NAMES))
    refined = refined_plans(known, BENCH, count=8, seeds=2, round_seed=1)
    assert len(refined) == 8 * 2 * 3
    assert refined == refined_plans(known, BENCH, count=8, seeds=2, round_seed=1)
    generate(storage, trainer, refined, NAMES)
    after, _ = collect(BENCH, storage, chosen(BENCH, NAMES))
    datasets = dict(zip(after.tasks.name, after.tasks.dataset, strict=True))
    made_without = after.arms.column("left_out")
    pairs = [
        (made_without[arm], datasets[task])
        for arm, task in zip(after.runs.arm, after.runs.task, strict=True)
    ]
    for left_out in set(after.tasks.dataset):
        mine = [dataset for other, dataset in pairs if other == left_out]
        assert mine
        assert left_out not in mine
        # Every score is of tasks that count, and refinement helps where the truth is smooth.
        before, now = (scores_without(b, "ana", left_out) for b in (known, after))
        assert max(now.values()) >= max(before.values())


def test_parents_are_chosen_without_the_data_set_left_out(
    storage: Storage, trainer: Trainer
) -> None:
    generate(storage, trainer, plans(design=8), NAMES)
    known, _ = collect(BENCH, storage, chosen(BENCH, NAMES))
    spoiled, _ = collect(BENCH, storage, chosen(BENCH, NAMES))
    spoiled.runs.accuracy[spoiled.runs.task == NAMES[0]] = 0.0
    assert scores_without(spoiled, "ana", "digits") == scores_without(known, "ana", "digits")
    assert scores_without(spoiled, "ana", "cifar10") != scores_without(known, "ana", "cifar10")


def test_extra_arms_come_from_a_file(storage: Storage, trainer: Trainer, tmp_path: Path) -> None:
    schedule = load_schedule("ana-rule").schedule
    arm = {
        "name": "learned",
        "algorithm": "ana",
        "kind": "learned",
        "schedule": schedule.model_dump(mode="json"),
        "search_seeds": 0,
        "report_seeds": 3,
        "lengths": [1.0, 0.5],
        "tasks": ["digits-*"],
    }
    path = tmp_path / "arms.json"
    path.write_text(
        json.dumps({"format": "qsched/arms/1", "arms": [arm, {**arm, "name": "same"}]})
    )
    generate(storage, trainer, extra_plans(path), NAMES[:2])
    # Equal schedules are trained once, and nothing on other tasks.
    assert len(trainer.runs) == 6
    assert {run.task.data.name for run in trainer.runs} == {"digits"}
    assert Counter(run.length for run in trainer.runs) == {1.0: 3, 0.5: 3}
    assert {row.arm for row in storage.runs(NAMES[0])} == {"learned"}


def test_a_faulty_file_of_arms_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "arms.yaml"
    path.write_text("format: qsched/arms/1\narms:\n  - {name: a, algorithm: sgd}\n")
    with pytest.raises(SpecError, match="line 3"):
        extra_plans(path)


def nothing() -> NoReturn:
    raise AssertionError("this experiment asks for nothing that is stored")


def test_the_factorial_crosses_every_factor() -> None:
    found = experiment_plans("factorial", BENCH, nothing)
    annealed = [plan.arm for plan in found if plan.arm.algorithm == "ana"]
    assert len(annealed) == len({arm.schedule for arm in annealed}) == 5 * 3 * 2 * 3
    assert len(found) - len(annealed) == 5 * 4
    methods = {arm.schedule.weights for arm in annealed}
    assert len(methods) == 3 * 2 * 3
    coded = {load_schedule(name).schedule for name in BENCH.baselines}
    # An arm equal to a hand-coded one would share its runs, and be missing under its own name.
    rate = annealed[0].schedule.learning_rate
    assert not coded & {arm.schedule for arm in annealed}
    assert rate.initial == BENCH.learning_rate


def test_the_budget_experiment_shortens_every_arm() -> None:
    found = experiment_plans("budget", BENCH, nothing)
    assert {plan.lengths for plan in found} == {(1 / 2, 1 / 3)}
    assert {plan.arm.kind for plan in found} >= {"hand-coded", "static", "full precision"}


def test_an_unknown_experiment_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `factorial`"):
        experiment_plans("factorials", BENCH, nothing)
