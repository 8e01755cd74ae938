"""The hard network: bit-equal to evaluation, made of integers, refused too early."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

import qsched
from qsched.attachment import HardLinear, HardStair
from qsched.attachment.layers import QuantizedLayer
from qsched.errors import InputError
from qsched.quantizers import STAIRS, hard
from tests.attachment.models import FROZEN, SCHEDULES, STEPS, Loop, batch, network


@pytest.mark.parametrize("name", SCHEDULES)
def test_same_outputs_and_nothing_to_train(name: str) -> None:
    loop = Loop(SCHEDULES[name])
    loop.run(STEPS)
    converted = qsched.convert(loop.model)
    x, _ = batch(30)
    assert torch.equal(converted(x), loop.model.eval()(x))
    assert not any(p.requires_grad for p in converted.parameters())
    assert not any(isinstance(m, QuantizedLayer) for m in converted.modules())
    assert set(converted[0].levels.unique().tolist()) <= {-1, 0, 1}
    assert any(isinstance(m, QuantizedLayer) for m in loop.model.modules())  # a copy was made


def test_refuses_what_is_not_hard_yet() -> None:
    loop = Loop(FROZEN)
    loop.run(STEPS - 4)
    with pytest.raises(
        InputError, match=r"there remain\n`0`: 32 of 108 weights in full precision"
    ):
        qsched.convert(loop.model)
    with pytest.raises(InputError, match="no quantizers"):
        qsched.convert(network())
    early = Loop(SCHEDULES["ana"])
    with pytest.raises(InputError, match="`0`: noise of standard deviation 0.4 and mean -0.2"):
        qsched.convert(early.model)


def test_its_state_dict_is_all_of_it() -> None:
    loop = Loop(FROZEN)
    loop.run(STEPS)
    converted = qsched.convert(loop.model)
    file = io.BytesIO()
    torch.save(converted.state_dict(), file)
    file.seek(0)
    other = Loop(FROZEN, seed=4)
    other.ctl.seek(STEPS)
    twin = qsched.convert(other.model)
    twin.load_state_dict(torch.load(file, weights_only=True))
    x, _ = batch(31)
    assert torch.equal(twin(x), converted(x))


@pytest.mark.parametrize("name", STAIRS)
def test_stairs_are_those_of_training(name: str) -> None:
    steps = STAIRS[name]
    unit = min(abs(level) for level in steps.levels if level)
    module = HardStair(
        torch.tensor(steps.edges),
        torch.tensor([round(level / unit) for level in steps.levels]),
        torch.tensor(unit * steps.quantum),
    )
    x = torch.cat(
        [torch.linspace(-4, 4, 4001), torch.tensor(steps.edges), torch.tensor([torch.nan])]
    )
    assert torch.equal(module(x).nan_to_num(9.0), hard(x, steps).nan_to_num(9.0))


def test_scales_a_channel() -> None:
    layer = HardLinear(torch.tensor([[1, 0], [-1, 2]]), torch.tensor([[0.5], [3.0]]))
    assert layer.weight.tolist() == [[0.5, 0.0], [-3.0, 6.0]]
    assert "levels=(2, 2) in [-1, 0, 1, 2], scale=(2, 1)" in repr(layer)
    assert isinstance(layer, nn.Module)
