"""Incremental quantization in training: what is frozen, how much, and that it stays."""

from __future__ import annotations

import math

import pytest
import torch

from qsched.lanes.incremental import Incremental
from qsched.schedules import LearningRate
from qsched.specs import OptimizerSpec
from qsched.training.cohort import Cohort
from tests.training.small import ana, inq, make_run, schedule, small_task

OPTIMIZERS = [
    OptimizerSpec(name="sgd", momentum=0.9, weight_decay=0.1),
    OptimizerSpec(name="adam", weight_decay=0.1),
]
GROWING = ("magnitude", "random", "smallest", "error")
FRACTIONS = {0: 0.0, 1: 0.4, 2: 0.7, 3: 1.0}


def start(partition: str, optimizer: OptimizerSpec, epochs: int = 5) -> Cohort:
    task = small_task(optimizer=optimizer, epochs=epochs)
    rate = LearningRate(initial=0.05)
    lanes = [schedule(ana(), ana()), inq(partition, learning_rate=rate), inq(partition)]
    return Cohort(
        [make_run(task, one, i) for i, one in enumerate(lanes)],
        epochs * 4,
        torch.float64,
        torch.device("cpu"),
    )


def advance(cohort: Cohort, first: int, last: int) -> None:
    """Take steps ``first`` to ``last``, epoch by epoch."""
    for step in range(first, last, 4):
        cohort.train(range(step, min(step + 4, last)))


def state(cohort: Cohort) -> Incremental:
    assert cohort.incremental is not None
    return cohort.incremental


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("partition", GROWING)
def test_frozen_weights_never_move(partition: str, optimizer: OptimizerSpec) -> None:
    cohort = start(partition, optimizer)
    before, values = None, None
    for step in range(20):
        cohort.train(range(step, step + 1))
        frozen = state(cohort).frozen.clone()
        effective = cohort.buffers.effective.clone()
        # Stages of .4, .7 and 1 begin at 6, 12 and 18 of 20 steps; sizes are exact.
        stage = sum(step >= edge for edge in (6, 12, 18))
        for block in cohort.plan.weight_blocks:
            size = math.prod(block.shape)
            count = math.floor(FRACTIONS[stage] * size + 0.5)
            assert frozen[1:, block.columns].sum(dim=1).tolist() == [count, count]
        assert not frozen[0].any()
        if before is not None:
            assert not (before & ~frozen).any(), "a frozen weight was released"
            assert torch.equal(effective[before], values[before]), "a frozen weight moved"
        before, values = frozen, effective
    # What was free moved until it was frozen.
    assert (cohort.buffers.values[1:, : cohort.plan.quantized]).abs().std() > 0


@pytest.mark.parametrize("partition", [*GROWING, "rpr"])
def test_all_frozen_weights_lie_on_one_scale_a_tensor(partition: str) -> None:
    cohort = start(partition, OPTIMIZERS[1])
    advance(cohort, 0, 20)
    cohort.harden()
    for block in cohort.plan.weight_blocks:
        for row in cohort.buffers.effective[1:, block.columns]:
            assert len(row.abs().unique()) <= 2
            assert row.abs().max() > 0


def test_rpr_draws_anew_every_epoch_and_releases_latent_weights() -> None:
    cohort = start("rpr", OPTIMIZERS[0])
    advance(cohort, 0, 8)
    first, latent = state(cohort).frozen.clone(), cohort.buffers.values.clone()
    cohort.train(range(8, 9))
    second = state(cohort).frozen
    assert torch.equal(first[1:].sum(dim=1), second[1:].sum(dim=1))
    assert not torch.equal(first[1:], second[1:])
    both = torch.nn.functional.pad(first & second, (0, cohort.plan.size - first.shape[1]))
    assert torch.equal(cohort.buffers.values[both], latent[both])
    released = torch.nn.functional.pad(first & ~second, (0, cohort.plan.size - first.shape[1]))
    moved = (cohort.buffers.values - latent)[released].abs()
    # They go on from where they were, by no more than a step of the optimizer.
    assert 0 < moved.max() < 0.5


def test_resetting_clears_the_moments_at_stages_alone() -> None:
    task = small_task(epochs=5)
    runs = [make_run(task, inq(reset=reset), 0) for reset in (True, False)]
    cohort = Cohort(runs, 20, torch.float64, torch.device("cpu"))
    ages = cohort.table.ages[cohort.table.index]
    assert ages[0].tolist() == [*range(1, 7), *range(1, 7), *range(1, 7), 1, 2]
    assert ages[1].tolist() == list(range(1, 21))
    advance(cohort, 0, 6)
    torch.testing.assert_close(cohort.buffers.values[0], cohort.buffers.values[1])
    cohort.train(range(6, 7))
    square = cohort.optimizer.state[1]
    grads = cohort.buffers.grads[0]
    torch.testing.assert_close(square[0], grads**2 * (1 - 0.999))
    assert (square[1] > square[0]).any()
