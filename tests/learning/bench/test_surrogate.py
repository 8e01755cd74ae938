"""Surrogates: they learn a known rule, know what they do not know, and serve a whole study."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qsched.errors import InputError, UnknownNameError
from qsched.execution import Inline
from qsched.learning import Bench
from qsched.learning.bench.numbers import NUMBERS, numbers
from qsched.learning.bench.surrogate import SurrogateTask, quality
from qsched.schedules import Schedule
from qsched.schedules.file import load_schedule
from qsched.specs import Run
from qsched.specs.files import load_study
from qsched.storage import Storage
from qsched.study import run_study
from tests.learning.fabricate import BEST, NOISE, expected, make_bench

TASK = "digits-mlp9-ternary-short"
FLAT = "digits-mlp3-ternary-short"


@pytest.fixture(scope="module")
def bench() -> Bench:
    return make_bench(design=64, seeds=4)[0]


@pytest.fixture(scope="module")
def surrogate(bench: Bench) -> SurrogateTask:
    return SurrogateTask(bench, TASK, "ana")


def schedule(bench: Bench, std: float) -> Schedule:
    base = bench.arms.arm("hand-coded")
    noise = base.weights.model_copy(update={"backward_std": std})
    return base.model_copy(update={"weights": noise, "activations": noise})


def run(bench: Bench, std: float, seed: int = 0, length: float = 1.0) -> Run:
    return Run(
        task=bench.tasks.task(TASK), schedule=schedule(bench, std), seed=seed, length=length
    )


def test_it_predicts_schedules_that_were_never_trained(
    bench: Bench, surrogate: SurrogateTask
) -> None:
    stds = [0.2, 0.4, 0.8, 1.6, 2.4]
    found = surrogate.accuracy([schedule(bench, std) for std in stds])
    np.testing.assert_allclose(found, [expected(TASK, std) for std in stds], atol=0.03)
    assert int(np.argmax(found)) == stds.index(BEST)


def test_its_noise_is_that_between_seeds(bench: Bench, surrogate: SurrogateTask) -> None:
    answers = [surrogate.noisy(schedule(bench, 0.8), seed) for seed in range(400)]
    assert np.std(answers) == pytest.approx(NOISE, rel=0.25)
    mean = surrogate.accuracy([schedule(bench, 0.8)])[0]
    assert np.mean(answers) == pytest.approx(mean, abs=3 * NOISE / 20)


def test_a_run_has_one_answer(bench: Bench, surrogate: SurrogateTask) -> None:
    first, again = surrogate.train([run(bench, 0.8), run(bench, 0.8)])
    other = surrogate.train([run(bench, 0.8, seed=1)])[0]
    assert first.accuracy == again.accuracy != other.accuracy
    assert first.key == run(bench, 0.8).key


def test_quality_tells_rule_from_noise(bench: Bench) -> None:
    good = quality(bench, TASK, "ana")
    assert good.accepted
    assert good.spearman > 0.9
    assert good.noise == pytest.approx(NOISE, rel=0.2)
    shuffled = Bench(
        bench.tasks,
        bench.arms,
        bench.runs.where(np.arange(len(bench.runs))),
        bench.about,
    )
    np.random.default_rng(0).shuffle(shuffled.runs.accuracy)
    bad = quality(shuffled, TASK, "ana")
    assert not bad.accepted
    assert abs(bad.spearman) < 0.4


def test_nothing_to_rank_is_not_accepted(bench: Bench) -> None:
    runs = bench.runs.where(np.arange(len(bench.runs)))
    runs.accuracy[:] = 0.8 + 0.05 * np.random.default_rng(1).standard_normal(len(runs))
    assert not quality(Bench(bench.tasks, bench.arms, runs, {}), FLAT, "ana").accepted


def test_what_it_cannot_answer_it_refuses(bench: Bench, surrogate: SurrogateTask) -> None:
    with pytest.raises(UnknownNameError, match=TASK):
        SurrogateTask(bench, "digits-mlp9-ternary-shor", "ana")
    with pytest.raises(InputError, match="has 0 of `inq`"):
        SurrogateTask(bench, TASK, "inq")
    with pytest.raises(InputError, match="full length"):
        surrogate.train([run(bench, 0.8, length=0.5)])


def test_a_study_runs_on_it(surrogate: SurrogateTask, tmp_path: Path) -> None:
    spec = load_study("digits-ana")
    budget = spec.budget.model_copy(update={"trials": 16, "learning_rates": (1.0,)})
    spec = spec.model_copy(
        update={"budget": budget, "baselines": ("ana-ste-static", "ana-2019-overlapped")}
    )
    with Storage.open(f"sqlite:///{tmp_path}/study.db") as storage:
        verdict = run_study(spec, storage, Inline(surrogate.train), lambda _: None)
    assert verdict.trials == 16
    assert all(0 < arm.mean <= 1 for arm in verdict.arms)


def test_numbers_of_a_schedule_are_read_off_its_curves() -> None:
    row = dict(zip(NUMBERS, numbers(load_schedule("ana-2019-partition").schedule), strict=True))
    assert len(row) == len(NUMBERS)
    # Ten layers harden one after the other, linearly, over the first half of training.
    assert row["weights_hardness_0"] == pytest.approx(1 - 0.025, abs=0.01)
    assert row["weights_hardness_1"] == pytest.approx(1 - 0.475, abs=0.01)
    assert row["order"] == pytest.approx(0.45, abs=0.01)
    assert row["weights_uniform"] == row["activations_uniform"] == 1
    assert row["weights_floor"] == 1
    assert row["magnitude"] == 0
    incremental = numbers(load_schedule("inq-halves").schedule)
    assert dict(zip(NUMBERS, incremental, strict=True))["magnitude"] == 1
