"""Operations counted from shapes, against PyTorch's own counter and against sums by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.throughput.flops import forward_flops, step_flops, training_flops
from benchmarks.throughput.peer import Peer
from benchmarks.throughput.tasks import BenchTask, make_runs, task
from qsched.lanes.layers import Conv, Flatten, Linear
from qsched.lanes.plan import make_plan


def test_a_linear_layer_by_hand() -> None:
    plan = make_plan((Linear(3), Linear(2)), (5,))
    assert forward_flops(plan) == 2 * (5 * 3 + 3 * 2)
    # Three products a layer, but no gradient of the first layer's input.
    assert step_flops(plan, batch=4) == 4 * 2 * (2 * 5 * 3 + 3 * 3 * 2)


def test_a_convolution_by_hand() -> None:
    plan = make_plan((Conv(4, stride=2), Flatten(), Linear(3)), (2, 6, 6))
    convolution, linear = 2 * (3 * 3 * 2 * 4) * 9, 2 * (4 * 9) * 3
    assert forward_flops(plan) == convolution + linear
    assert training_flops(plan, 2, steps=5, evaluated=7) == (
        5 * 2 * (2 * convolution + 3 * linear) + 7 * (convolution + linear)
    )


@pytest.mark.parametrize("key", ["mlp9", "mlp64", "cnn8"])
def test_a_step_against_the_counter_of_pytorch(key: str) -> None:
    peer, run, batch = _trainer(task(key))
    table = peer.start(run, 1)
    peer.network.train()
    with FlopCounterMode(display=False) as counter:
        peer.step(torch.arange(batch), table[0], 0.01)
    assert step_flops(peer.plan, batch) == counter.get_total_flops()


def _trainer(chosen: BenchTask) -> tuple[Peer, Any, int]:
    return Peer(chosen.spec), make_runs(chosen.spec, 1)[0], chosen.spec.batch_size
