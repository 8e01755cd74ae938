"""The way from hand-coded to learned: each step is trained, and gains what was planted in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from qsched.execution import Inline
from qsched.learning import Bench, load_bench
from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.analysis.parts import differing
from qsched.learning.bench.export import export_bench
from qsched.learning.bench.generate import Generator
from qsched.learning.bench.plans import BenchArm, Plan
from qsched.learning.claims.ablation import (
    OWN_RATE,
    Way,
    ablation_plans,
    defaults_without,
    summary,
    ways,
)
from qsched.learning.claims.claims import load_claims
from qsched.learning.claims.evidence import Evidence, load_evidence
from qsched.learning.claims.run import export_confirmed, train_ablation
from qsched.schedules import Schedule
from qsched.storage import Storage
from tests.learning.bench.test_generate import BENCH, NAMES, Trainer, generate, plans
from tests.study import surrogate

pytest.importorskip("pyarrow")

TASK = NAMES[0]
SEEDS = 3
CLAIMS = load_claims().model_copy(update={"seeds": SEEDS})


@dataclass(frozen=True)
class Trained:
    """What was trained to learn from, the ways on one task besides, and all as files hold it."""

    source: Bench
    plans: list[Plan]
    trainer: Trainer
    again: Trainer
    evidence: Evidence


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder: Path = tmp_path_factory.mktemp("ways")
    data, confirmed = folder / "data", folder / "confirmed"
    with Storage.open(f"sqlite:///{folder}/bench.db") as storage:
        generate(storage, Trainer(), plans(design=32), NAMES)
        export_bench(BENCH, storage, data)
    source, before = load_bench(data), load_evidence(data, confirmed, CLAIMS)
    planned = ablation_plans(before, source, BENCH, defaults_without(source), TASK)
    trainer, again = Trainer(), Trainer()
    with Storage.open(f"sqlite:///{folder}/confirmed.db") as storage:
        for each in (trainer, again):
            generator = Generator(BENCH, storage, Inline(each), lambda *_: None)
            arms = train_ablation(before, source, BENCH, generator, [TASK])
        learned = list(defaults(source))
        generate(storage, Trainer(), learned, [TASK])
        export_confirmed(BENCH, storage, confirmed, [*arms, *(plan.arm for plan in learned)])
    evidence = load_evidence(data, confirmed, CLAIMS)
    return Trained(source, planned, trainer, again, evidence)


def defaults(source: Bench) -> list[Plan]:
    """The learned defaults without the task's data set, as claims report them."""
    return [
        Plan(
            BenchArm(f"learned-{algorithm}", algorithm, "learned", schedule, left_out=dataset),
            (schedule.learning_rate.initial,),
            0,
            SEEDS,
        )
        for (algorithm, dataset), schedule in defaults_without(source).items()
        if dataset == "digits"
    ]


def tuned(schedule: Schedule) -> float:
    """The true accuracy at the best of the learning rates."""
    return max(surrogate.true_accuracy(schedule.at_learning_rate(rate)) for rate in BENCH.rates)


@pytest.mark.parametrize("algorithm", ["ana", "inq"])
def test_a_way_goes_from_the_best_hand_coded_schedule_to_the_default_part_by_part(
    trained: Trained, algorithm: Algorithm
) -> None:
    way = [plan.arm.schedule for plan in trained.plans if plan.arm.algorithm == algorithm]
    arms = trained.source.arms
    coded = arms.where((arms.kind == "hand-coded") & (arms.algorithm == algorithm))
    assert tuned(way[0]) == max(tuned(arms.arm(name)) for name in coded.name)
    goal = defaults_without(trained.source)[algorithm, "digits"]
    assert way[-1].at_learning_rate(1.0) == goal.at_learning_rate(1.0)
    for one, other in zip(way, way[1:], strict=False):
        assert len(differing(one, other)) == 1


def test_every_step_is_tuned_in_the_search_and_reported_on_the_seeds_of_the_report(
    trained: Trained,
) -> None:
    runs = trained.trainer.runs
    assert {run.seed for run in runs if run.evaluate == "validation"} == {0, 1}
    reported = [run for run in runs if run.evaluate == "test"]
    assert {run.seed for run in reported} == {200_000, 200_001, 200_002}
    # Where the way begins, nothing is trained again; nor is anything by the same command.
    steps = [plan for plan in trained.plans if plan.search_seeds]
    assert len(trained.plans) - len(steps) == 2
    assert len(reported) == SEEDS * len(steps)
    assert trained.again.runs == []


@pytest.mark.parametrize("algorithm", ["ana", "inq"])
def test_each_part_gains_what_was_planted_in_it(trained: Trained, algorithm: Algorithm) -> None:
    [way] = ways(trained.evidence, algorithm, [TASK], BENCH.rates)
    schedules = [plan.arm.schedule for plan in trained.plans if plan.arm.algorithm == algorithm]
    gains = way.gains()
    assert len(gains) == len(schedules)
    for part, one, other in zip(way.parts, schedules, schedules[1:], strict=False):
        assert part in differing(one, other)
        # What a seed adds, it adds to every schedule.
        assert gains[part] == pytest.approx([tuned(other) - tuned(one)] * SEEDS, abs=2e-6)
    goal = defaults_without(trained.source)[algorithm, "digits"]
    own = surrogate.true_accuracy(goal)
    assert gains[OWN_RATE] == pytest.approx([own - tuned(goal)] * SEEDS, abs=2e-6)
    assert sum(gains.values()) == pytest.approx(way.whole(), abs=1e-9)


def test_learning_rates_that_tie_but_for_rounding_are_one_as_good_as_the_other(
    trained: Trained,
) -> None:
    evidence = trained.evidence
    runs = evidence.bench.runs
    step = "way-ana-1-on-" + TASK
    mine = (runs.arm == step) & (runs.phase == "search")
    [best] = set(runs.learning_rate[(runs.arm == step) & (runs.phase == "report")])
    top = runs.accuracy[mine & (runs.learning_rate == best)].mean()
    accuracy = np.where(mine & (runs.learning_rate != best), top + 1e-6, runs.accuracy)
    accuracy[mine & (runs.learning_rate == best)] = top
    tied = replace(evidence.bench, runs=replace(runs, accuracy=accuracy))
    expected = ways(evidence, "ana", [TASK], BENCH.rates)
    assert ways(Evidence(tied, evidence.tests, CLAIMS), "ana", [TASK], BENCH.rates) == expected


def test_ways_of_other_tasks_and_unfinished_ones_are_left_out(trained: Trained) -> None:
    evidence = trained.evidence
    assert ways(evidence, "ana", NAMES[1:], BENCH.rates) == []
    arms, runs = evidence.bench.arms, evidence.bench.runs
    headless = arms.where(arms.name != f"way-ana-0-on-{TASK}")
    torso = replace(evidence.bench, arms=headless)
    assert ways(Evidence(torso, evidence.tests, CLAIMS), "ana", [TASK], BENCH.rates) == []
    last = max(name for name in runs.arm if str(name).startswith("way-ana-"))
    rest = runs.where((runs.arm != last) | (runs.phase == "report"))
    cut = Evidence(
        Bench(evidence.bench.tasks, evidence.bench.arms, rest, {}), evidence.tests, CLAIMS
    )
    assert ways(cut, "ana", [TASK], BENCH.rates) == []


def test_parts_are_averaged_over_all_tasks_and_add_up() -> None:
    def seeds(*values: float) -> dict[int, float]:
        return dict(enumerate(values))

    one = Way("a", ("end", "lag"), (seeds(0.5, 0.6), seeds(0.6, 0.7), seeds(0.58, 0.68)), {0: 0.7})
    two = Way("b", ("lag",), (seeds(0.7, 0.7), seeds(0.74, 0.74)), seeds(0.73, 0.73))
    found = summary([one, two])
    assert found is not None
    effects = {step.part: step.effect for step in found.steps}
    assert effects == pytest.approx({"end": 0.05, "lag": 0.01, OWN_RATE: (0.12 - 0.01) / 2})
    assert [step.part for step in found.steps] == ["end", "lag", OWN_RATE]
    assert [(step.tasks, step.lost) for step in found.steps] == [(1, 0), (2, 1), (2, 1)]
    assert found.tasks == 2
    assert found.start == pytest.approx(0.625)
    assert found.gain == pytest.approx(np.mean([0.2, 0.03]))
    assert summary([]) is None
