"""Lanes of a cohort against the same runs trained plainly, in float64."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from qsched.schedules import Override, Schedule
from qsched.specs import OptimizerSpec, Precision, Run, TaskSpec
from qsched.tasks import task_plan
from qsched.training import train
from qsched.training.cohort import Cohort
from qsched.training.modes import modes
from tests.training.reference import STEPS_PER_EPOCH, Reference
from tests.training.small import STATIC, ana, inq, make_run, mixed_schedules, schedule, small_task

TOLERANCE = 1e-9


def cohort_of(runs: Sequence[Run], steps: int) -> Cohort:
    """Return a cohort of the runs, sorted as training sorts them, after some steps."""
    task = runs[0].task
    key = modes(runs, task_plan(task)[0])
    ordered = [runs[i] for i in sorted(range(len(runs)), key=key.__getitem__)]
    total = round(task.epochs * STEPS_PER_EPOCH * runs[0].length)
    cohort = Cohort(ordered, total, torch.float64, torch.device("cpu"))
    for start in range(0, steps, STEPS_PER_EPOCH):
        cohort.train(range(start, min(start + STEPS_PER_EPOCH, steps)))
    return cohort


def check(task: TaskSpec, schedules: Sequence[Schedule], steps: int) -> None:
    runs = [make_run(task, one, seed=i) for i, one in enumerate(schedules)]
    cohort = cohort_of(runs, steps)
    for i, run in enumerate(cohort.runs):
        reference = Reference(run)
        start = reference.row()
        expected = reference.train(steps).row()
        buffers = cohort.buffers
        message = str(run.schedule)
        assert np.abs(expected - start).max() > 1e-3, message
        found = buffers.values[i].numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE, err_msg=message)
        mean, variance = (
            torch.cat(part).numpy() for part in zip(*reference.running.values(), strict=True)
        )
        np.testing.assert_allclose(buffers.mean[i].numpy(), mean, atol=TOLERANCE)
        np.testing.assert_allclose(buffers.variance[i].numpy(), variance, atol=TOLERANCE)


@pytest.mark.parametrize("network", ["small-mlp", "small-cnn", "small-residual"])
def test_every_method_after_an_epoch_and_a_half(network: str) -> None:
    check(small_task(network), mixed_schedules(), steps=6)


def test_every_method_in_a_deep_network() -> None:
    check(small_task(width=9), mixed_schedules(), steps=3)


@pytest.mark.parametrize(
    "optimizer",
    [
        OptimizerSpec(name="sgd", momentum=0.9, weight_decay=0.02),
        OptimizerSpec(name="adam", weight_decay=0.02, clip=0.5),
        OptimizerSpec(name="sgd", momentum=0.0, clip=0.05),
        OptimizerSpec(name="adam", betas=(0.8, 0.95), eps=1e-3),
    ],
)
def test_optimizers(optimizer: OptimizerSpec) -> None:
    schedules = [inq(), schedule(ana(), ana()), inq("rpr"), inq(reset=True)]
    check(small_task(optimizer=optimizer), schedules, steps=8)


def test_layers_left_out() -> None:
    first, last = Precision(first=False), Precision(last=True)
    without = Override(depth=(0.0, 0.0), exclude=True)
    quiet = Override(role="activations", depth=(1.0, 1.0), exclude=True)
    schedules = [
        schedule(ana(), ana(forward="random"), overrides=(without,)),
        schedule(ana(forward="random"), ana(), overrides=(quiet,)),
        inq("rpr", overrides=(without,)),
        schedule(ana(), ana()),
    ]
    for precision in (first, last):
        check(small_task(precision=precision), schedules, steps=5)


def test_results() -> None:
    task = small_task("small-cnn", epochs=3)
    runs = [
        make_run(task, one, seed=i, evaluate="test" if i % 2 else "validation")
        for i, one in enumerate([schedule(STATIC, STATIC), inq(), schedule(ana(), STATIC)] * 2)
    ]
    for run, result in zip(runs, train(runs, dtype=torch.float64), strict=True):
        reference = Reference(run).train()
        accuracy, loss = reference.score(run.evaluate)
        assert (result.key, result.status, result.steps) == (run.key, "finished", 12)
        assert result.accuracy == pytest.approx(accuracy)
        assert result.loss == pytest.approx(loss, abs=1e-7)
        assert [point.step for point in result.curve] == [4, 8, 12]
        losses = np.reshape(reference.losses, (3, 4)).mean(axis=1)
        assert [point.loss for point in result.curve] == pytest.approx(losses, abs=1e-7)
        assert result.curve[-1].accuracy == pytest.approx(reference.score("validation")[0])
