"""Arms learned without a data set: scored inside, reported outside; curves carried over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qsched.learning import Bench
from qsched.learning.bench.export import collect
from qsched.learning.bench.learned import (
    SELECT_SEEDS,
    ana_from_inq,
    confirm_plans,
    inq_from_ana,
    select_plans,
    transfer_plans,
)
from qsched.learning.bench.refined import refined_plans, scores_without
from qsched.learning.bench.tasks import chosen
from qsched.schedules import Ana, Inq, Place
from qsched.schedules.file import load_schedule
from qsched.storage import Storage
from tests.learning.bench.test_generate import BENCH, NAMES, Trainer, generate, plans

U = np.linspace(0, 1, 101)
PLACES = [Place("weights", depth) for depth in (0.0, 0.5, 1.0)]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    folder: Path = tmp_path_factory.mktemp("bench")
    with Storage.open(f"sqlite:///{folder}/bench.db") as opened:
        generate(opened, Trainer(), plans(design=16), NAMES)
        known, _ = collect(BENCH, opened, chosen(BENCH, NAMES))
        generate(opened, Trainer(), refined_plans(known, BENCH, 4, 2, 1), NAMES)
        known, _ = collect(BENCH, opened, chosen(BENCH, NAMES))
        generate(opened, Trainer(), select_plans(known, BENCH), NAMES)
        yield opened


@pytest.fixture(scope="module")
def known(storage: Storage) -> Bench:
    return collect(BENCH, storage, chosen(BENCH, NAMES))[0]


def test_the_best_are_trained_on_more_seeds_where_they_were_scored(known: Bench) -> None:
    for left_out in set(known.tasks.dataset):
        few = scores_without(known, "ana", left_out)
        many = scores_without(known, "ana", left_out, SELECT_SEEDS)
        assert 0 < len(many) < len(few)
        # More seeds of the same arms: those that were best with few are among them.
        assert max(few, key=lambda cell: few[cell]) in many


def test_nothing_is_tuned_where_it_is_confirmed(known: Bench) -> None:
    datasets = dict(zip(known.tasks.name, known.tasks.dataset, strict=True))
    found = confirm_plans(known, BENCH, (1.0, 0.5))
    assert found
    for plan in found:
        assert len(plan.rates) == 1
        assert plan.search_seeds == 0
        left_out = {datasets[task] for task in plan.tasks}
        assert len(left_out) == 1
        if plan.arm.kind == "refined":
            assert {plan.arm.left_out} == left_out


def test_reports_of_confirmed_arms_are_stored(storage: Storage, known: Bench) -> None:
    trainer = Trainer()
    assert generate(storage, trainer, confirm_plans(known, BENCH, (1.0, 0.5)), NAMES)
    assert {run.evaluate for run in trainer.runs} == {"test"}
    assert {run.length for run in trainer.runs} == {1.0, 0.5}


def test_transferred_arms_are_of_the_other_algorithm(known: Bench) -> None:
    found = transfer_plans(known, BENCH)
    assert {plan.arm.algorithm for plan in found} == {"ana", "inq"}
    for plan in found:
        method = plan.arm.schedule.weights
        assert isinstance(method, Inq if plan.arm.algorithm == "inq" else Ana)
        assert f"-to-{plan.arm.algorithm}-" in plan.arm.name


@pytest.mark.parametrize("name", ["ana-2019-partition", "ana-cvpr-same-end-progressive-static"])
def test_a_curve_of_annealing_freezes_weights_alike(name: str) -> None:
    source = load_schedule(name).schedule
    made = inq_from_ana(source)
    noise = source.at(U, PLACES)[..., 0] / source.at(0.0, PLACES)[..., 0]
    np.testing.assert_allclose(made.at(U, PLACES)[..., 3], 1 - noise, atol=1e-12)
    assert made.activations is not None
    assert made.activations.forward_std == 0
    assert made.activations.backward_floor == 1


def test_a_curve_of_freezing_anneals_noise_alike() -> None:
    source = load_schedule("inq-halves").schedule
    made = ana_from_inq(source)
    controls = made.at(U, PLACES)
    np.testing.assert_allclose(
        1 - controls[..., 0] / controls[:1, :, 0], source.at(U, PLACES)[..., 3], atol=1e-12
    )
    assert np.ptp(controls[..., 2]) == 0
    assert not made.learning_rate.restart
