"""A module trained through quantize and attach is the network that torch lanes train."""

from __future__ import annotations

import pytest
import torch

from qsched.schedules import Schedule
from qsched.specs import DataSpec, NetworkSpec, OptimizerSpec, Run, TaskSpec
from qsched.training.data import spread
from tests.attachment.networks import Twin
from tests.training import small

EPOCHS = 3
ANA = [
    small.ana(family=family, forward=forward)
    for family in ("uniform", "triangular", "normal", "logistic")
    for forward in ("expectation", "mode")
]
CASES = {
    **{f"ana-{m.family}-{m.forward}": small.schedule(m, m) for m in ANA},
    "weights-only": small.schedule(ANA[0], None),
    "activations-only": small.schedule(None, ANA[2]),
    "ste": small.schedule(small.STATIC, small.STATIC),
    **{
        f"inq-{partition}": small.inq(partition)
        for partition in ("magnitude", "smallest", "error")
    },
    "inq-reset": small.inq("magnitude", reset=True),
}
SGD = OptimizerSpec(name="sgd", weight_decay=0.01, clip=1.0)
TASKS = {
    "mlp": small.small_task(optimizer=SGD),
    "cnn": small.small_task("small-cnn"),
}

BUNDLED = TaskSpec(
    data=DataSpec(name="synthetic", train=96, validation=32),
    network=NetworkSpec(name="mlp9", width=8),
    epochs=EPOCHS,
    batch_size=24,
)


@pytest.mark.parametrize("network", ["mlp9", "cnn5"])
@pytest.mark.parametrize("case", ["ana-uniform-expectation", "ste", "inq-magnitude"])
def test_bundled_networks(case: str, network: str) -> None:
    spec = NetworkSpec(name=network, width=8)
    _compare(BUNDLED.model_copy(update={"network": spec}), CASES[case])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("case", CASES)
def test_same_network(case: str, task: str) -> None:
    _compare(TASKS[task], CASES[case])


def _compare(task: TaskSpec, schedule: Schedule) -> None:
    """Train both ways in float64, and compare parameters and outputs."""
    twin = Twin(Run(task=task, schedule=schedule, seed=3), EPOCHS * 4)
    twin.train_lanes(EPOCHS)
    twin.train_module(EPOCHS)
    assert twin.row() == pytest.approx(twin.cohort.buffers.values[0], abs=1e-8)
    x = twin.cohort.split("validation").x
    with torch.inference_mode():
        expected = twin.cohort.infer(spread(x, 1))[0].t()
        assert torch.allclose(twin.model(x), expected, atol=1e-8)
