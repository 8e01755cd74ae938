"""A module trained through quantize and attach is the network that torch lanes train."""

from __future__ import annotations

import pytest
import torch

from qsched.schedules import Schedule
from qsched.specs import OptimizerSpec, Run
from qsched.training.data import spread
from tests.attach.networks import Twin
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


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("case", CASES)
def test_same_network(case: str, task: str) -> None:
    schedule: Schedule = CASES[case]
    twin = Twin(Run(task=TASKS[task], schedule=schedule, seed=3), EPOCHS * 4)
    twin.train_lanes(EPOCHS)
    twin.train_module(EPOCHS)
    assert twin.row() == pytest.approx(twin.cohort.buffers.values[0], abs=1e-8)
    x = twin.cohort.split("validation").x
    with torch.inference_mode():
        expected = twin.cohort.infer(spread(x, 1))[0].t()
        assert torch.allclose(twin.model(x), expected, atol=1e-8)
