"""A lane that diverges fails alone, and says when."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qsched.schedules import LearningRate, Schedule
from qsched.specs import OptimizerSpec, Run, RunResult
from qsched.training import train
from tests.training.small import STATIC, inq, make_run, schedule, small_task

PLAIN = OptimizerSpec(name="sgd", momentum=0.0)


def wild(rate: float) -> Schedule:
    return schedule(None, None, learning_rate=LearningRate(initial=rate))


def same(first: RunResult, second: RunResult) -> None:
    assert (first.key, first.status, first.accuracy) == (second.key, "finished", second.accuracy)
    assert first.loss == pytest.approx(second.loss, abs=1e-6)
    assert [p.step for p in first.curve] == [p.step for p in second.curve]


@pytest.mark.parametrize("network", ["small-mlp", "small-cnn"])
def test_the_others_go_on_untouched(network: str) -> None:
    task = small_task(network, optimizer=PLAIN, epochs=3)
    good = [make_run(task, one, i) for i, one in enumerate([schedule(STATIC, STATIC), inq()])]
    bad = make_run(task, wild(1e300), seed=7)
    first, failed, second = train([good[0], bad, good[1]], dtype=torch.float64)
    assert failed.status == "failed"
    assert failed.accuracy is None
    assert failed.loss is None
    assert failed.reason is not None
    assert "diverged" in failed.reason
    assert 1 <= failed.steps <= 12
    for found, expected in zip((first, second), train(good, dtype=torch.float64), strict=True):
        same(found, expected)


def test_the_step_of_the_first_loss_that_is_not_finite() -> None:
    task = small_task(optimizer=PLAIN, epochs=3)
    run = make_run(task, wild(1e200), seed=7)
    (result,) = train([run], dtype=torch.float64)
    # Step 1 ruins the weights; the loss shows it at step 2 or, if that overflows late, at step 3.
    assert result.reason == f"diverged: the loss stopped being finite by step {result.steps}"
    assert result.steps in (2, 3)
    assert result.curve == ()


def test_weights_that_a_hard_forward_pass_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stair of an infinite weight is a level: the loss stays finite, the run fails anyway."""
    from qsched.training.cohort import Cohort

    task = small_task(epochs=3)
    runs = [make_run(task, schedule(STATIC, STATIC), seed) for seed in range(3)]
    train_epoch = Cohort.train

    def spoil(self: Cohort, steps: range) -> torch.Tensor:
        losses = train_epoch(self, steps)
        if steps.start == 4:
            self.buffers.values[1, 0] = torch.inf
        return losses

    monkeypatch.setattr(Cohort, "train", spoil)
    first, failed, third = train(runs, dtype=torch.float64)
    monkeypatch.undo()
    assert (failed.status, failed.steps) == ("failed", 8)
    assert failed.reason == "diverged: the weights stopped being finite by step 8"
    assert [p.step for p in failed.curve] == [4]
    expected = train(runs, dtype=torch.float64)
    same(first, expected[0])
    same(third, expected[2])


def test_all_diverge() -> None:
    task = small_task(optimizer=PLAIN)
    runs: list[Run] = [make_run(task, wild(1e300), seed) for seed in range(2)]
    results = train(runs, dtype=torch.float64)
    assert [r.status for r in results] == ["failed", "failed"]
    assert np.isfinite([r.seconds for r in results]).all()
