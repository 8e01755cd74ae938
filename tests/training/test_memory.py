"""How many lanes train together, and what each takes."""

from __future__ import annotations

import pytest
import torch

from qsched.lanes.layers import Activation, BatchNorm, Conv, Flatten, Layer, Linear
from qsched.lanes.plan import make_plan
from qsched.training import train
from qsched.training.memory import MOST, lane_bytes, lanes_together
from tests.training.small import STATIC, inq, make_run, schedule, small_task

CPU = torch.device("cpu")


def cnn(width: int) -> tuple[Layer, ...]:
    block = (Conv(width), BatchNorm(), Activation())
    return (*block, *block, Flatten(), Linear(10, quantized=False, bias=True))


def test_bytes_are_those_of_the_arrays() -> None:
    plan = make_plan((Linear(3), BatchNorm(), Activation()), (4,))
    # 12 weights, 3 scales, 3 shifts, each with gradient and two moments; 12 quantized weights with
    # gradients; 3 means and variances; 3 layers of 3 outputs for 5 examples, thrice.
    values = 4 * 18 + 2 * 12 + 2 * 3 + 3 * 5 * 9
    assert lane_bytes(plan, 5, torch.float32) == 4 * values
    assert lane_bytes(plan, 5, torch.float64) == 8 * values


@pytest.mark.parametrize("side", [8, 28, 64])
def test_fewer_lanes_of_larger_images(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qsched.training.memory._cache", lambda: 32 * 2**20)
    plan = make_plan(cnn(16), (1, side, side))
    count = lanes_together(plan, 64, torch.float32, CPU)
    assert 1 <= count <= MOST
    used = count * lane_bytes(plan, 64, torch.float32)
    assert used <= 32 * 2**20 or count == 1
    assert count == MOST or used + lane_bytes(plan, 64, torch.float32) > 32 * 2**20


def test_a_network_larger_than_the_cache_trains_alone() -> None:
    plan = make_plan(cnn(256), (3, 64, 64))
    assert lanes_together(plan, 64, torch.float32, CPU) == 1


def test_more_runs_than_fit_train_one_part_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kinds = [inq(), schedule(STATIC, STATIC)]
    runs = [make_run(small_task(), kinds[i % 2], seed=i) for i in range(5)]
    whole = train(runs, dtype=torch.float64, engine="torch")
    monkeypatch.setattr("qsched.training.torch_lanes.lanes_together", lambda *_: 2)
    parts = train(runs, dtype=torch.float64, engine="torch")
    assert [result.key for result in parts] == [run.key for run in runs]
    assert sorted(result.versions["lanes"] for result in parts) == ["1", "2", "2", "2", "2"]
    assert {result.versions["lanes"] for result in whole} == {"5"}
    for one, other in zip(whole, parts, strict=True):
        assert one.accuracy == other.accuracy
        assert one.loss == pytest.approx(other.loss, rel=1e-9)
