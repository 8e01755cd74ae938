"""The peers train what qsched trains: the same networks, to the same accuracies."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.throughput.peer import Peer, Ternary, controls
from benchmarks.throughput.tasks import make_runs, task
from qsched.quantizers import ana, stair
from qsched.training import train


@pytest.mark.parametrize(("std", "mean"), [(0.0, 0.0), (0.2, 0.0), (0.7, -0.3)])
def test_the_quantizer_is_that_of_qsched(std: float, mean: float) -> None:
    x = torch.linspace(-2.513, 2.497, 501, dtype=torch.float64)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    forward, center, backward = (torch.tensor(v, dtype=x.dtype) for v in (std, mean, 0.6))
    kind = {"stair": stair("ternary"), "family": "uniform", "forward": "expectation"}
    expected = ana(ours, forward, center, backward, **kind)  # type: ignore[arg-type]
    slope = 1 / (2 * 3**0.5 * std) if std else 1e30
    control = (slope, 0.5 * (std == 0), mean, 3**0.5 * 0.6, 1 / (2 * 3**0.5 * 0.6))
    found = Ternary.apply(theirs, control)
    torch.testing.assert_close(found, expected)
    weight = torch.linspace(1, 2, 501, dtype=x.dtype)
    (expected * weight).sum().backward()
    (found * weight).sum().backward()
    torch.testing.assert_close(theirs.grad, ours.grad)


def test_controls_are_those_of_the_schedule() -> None:
    chosen = task("mlp64")
    plan, run = Peer(chosen.spec).plan, make_runs(chosen.spec, 1)[0]
    table = controls(run, plan, 10)
    stds = run.schedule.at(np.arange(10) / 10, plan.places)[..., 0]
    np.testing.assert_allclose(1 / table[:5, :, 0], 2 * 3**0.5 * stds[:5])
    assert (table[-1, :, :2] == (1e30, 0.5)).all()


@pytest.mark.parametrize("key", ["mlp64", "cnn8"])
def test_every_run_ends_as_its_lane(key: str) -> None:
    # In float64 a few steps stay together; only rounding tells them apart.
    chosen = task(key)
    runs = [run.model_copy(update={"length": 0.1}) for run in make_runs(chosen.spec, 2)]
    peer = Peer(chosen.spec, dtype=torch.float64)
    lanes = train(runs, dtype=torch.float64, engine="torch")
    assert [peer.train(run).accuracy for run in runs] == [lane.accuracy for lane in lanes]
    assert {lane.steps for lane in lanes} == {15}


def test_peers_and_lanes_train_to_the_same_accuracy() -> None:
    # Over whole trainings rounding decides single runs, not means of many.
    chosen = task("mlp9")
    runs = [run.model_copy(update={"length": 0.2}) for run in make_runs(chosen.spec, 12)]
    peer = Peer(chosen.spec)
    plain = np.array([peer.train(run).accuracy for run in runs])
    lanes = np.array([lane.accuracy for lane in train(runs, engine="torch")])
    error = (plain - lanes).std(ddof=1) / len(runs) ** 0.5
    assert plain.mean() > 0.25
    assert abs(plain.mean() - lanes.mean()) < 3 * error + 0.01
