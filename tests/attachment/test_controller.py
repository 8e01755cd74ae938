"""A schedule in a plain loop: control values, learning rates, frozen weights, checkpoints."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import qsched
from qsched.attachment.layers import QuantizedLayer
from qsched.attachment.weights import IncrementalWeights
from qsched.errors import InputError, UnknownNameError
from qsched.schedules import Ana, LearningRate, Override, Schedule, Window
from qsched.training.table import make_table
from tests.attachment.models import (
    ANA,
    ANNEALED,
    FROZEN,
    SCHEDULES,
    STEPS,
    Loop,
    batch,
    network,
    same,
)


@pytest.mark.parametrize("name", SCHEDULES)
def test_what_it_sets_is_what_studies_train_with(name: str) -> None:
    loop, schedule = Loop(SCHEDULES[name]), SCHEDULES[name]
    places = [q.place for q in loop.ctl.quantizers]
    table = make_table([schedule], places, STEPS)
    for step in range(STEPS):
        rows = np.stack([q.controls.numpy() for q in loop.ctl.quantizers])
        assert rows == pytest.approx(table.controls[0, step].T, rel=1e-6)
        assert loop.optimizer.param_groups[0]["lr"] == pytest.approx(table.rates[0, step])
        state = next(iter(loop.optimizer.state.values()), None)
        assert (0 if state is None else int(state["step"])) == table.ages[0, step] - 1
        loop.step()


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("stop", [1, 5, 6, 11])
@pytest.mark.parametrize("late", [False, True])
def test_a_resumed_training_is_the_uninterrupted_one(name: str, stop: int, late: bool) -> None:
    whole = Loop(SCHEDULES[name])
    expected = whole.run(STEPS)
    first = Loop(SCHEDULES[name])
    losses = first.run(stop)
    file = io.BytesIO()
    parts = {"model": first.model, "optimizer": first.optimizer, "schedule": first.ctl}
    torch.save({key: part.state_dict() for key, part in parts.items()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    second = Loop(SCHEDULES[name])
    second.model.load_state_dict(saved["model"])
    second.optimizer.load_state_dict(saved["optimizer"])
    if late:
        second.attach()
    second.ctl.load_state_dict(saved["schedule"])
    losses += second.run(STEPS - stop)
    assert losses == expected
    assert same(whole.model, second.model)
    assert second.ctl.fully_quantized


@pytest.mark.parametrize("name", SCHEDULES)
def test_evaluation_is_hard_and_changes_nothing(name: str) -> None:
    loop = Loop(SCHEDULES[name])
    loop.run(5)
    before = copy.deepcopy(loop.model.state_dict())
    loop.model.eval()
    x, _ = batch(50)
    first = loop.model(x)
    for layer in loop.model.modules():
        if isinstance(layer, QuantizedLayer):
            assert len(layer.effective_weight.unique()) <= 3
    quantized = loop.model[:3](x).detach()
    assert set(quantized.unique().tolist()) <= {-1.0, 0.0, 1.0}
    assert torch.equal(first, loop.model(x))
    after = loop.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("momentum", [False, True])
def test_frozen_weights_stay_whatever_the_optimizer_does(momentum: bool) -> None:
    loop = Loop(FROZEN, momentum=momentum)
    loop.run(5)
    (layer, _), inq = loop.ctl.layers, IncrementalWeights
    assert isinstance(layer.quantizer, inq)
    frozen = layer.quantizer.frozen.clone()
    values = layer.weight[frozen].detach().clone()
    computed = layer.effective_weight[frozen].detach().clone()
    assert 0 < frozen.sum() < frozen.numel()
    free = layer.weight[~frozen].detach().clone()
    loop.run(2)
    assert torch.equal(layer.weight[frozen], values)
    assert torch.equal(layer.effective_weight[frozen], computed)
    assert not torch.equal(layer.weight[~frozen], free)


def test_skipped_steps_miss_no_change() -> None:
    ends = {}
    for stride in (1, 3):
        loop = Loop(FROZEN)
        for step in range(0, STEPS + 1, stride):
            loop.ctl.seek(step)
        ends[stride] = loop.ctl
    assert all(ctl.fully_quantized for ctl in ends.values())
    jumped = Loop(FROZEN)
    jumped.run(1)
    jumped.ctl.seek(STEPS)
    assert jumped.ctl.fully_quantized
    assert not jumped.optimizer.state  # the stages that were jumped over clear it


def test_gradient_accumulation_counts_steps_of_the_optimizer() -> None:
    loop, twin = Loop(ANNEALED), Loop(ANNEALED)
    for step in range(3):
        x, y = batch(step)
        loop.optimizer.zero_grad()
        for half in (slice(0, 4), slice(4, 8)):
            (F.cross_entropy(loop.model(x[half]), y[half]) / 2).backward()
        loop.optimizer.step()
        loop.ctl.step()
        twin.step()
        assert [q.controls.tolist() for q in loop.ctl.quantizers] == [
            q.controls.tolist() for q in twin.ctl.quantizers
        ]
    assert loop.ctl.steps == 3


def test_too_many_steps_stay_at_the_end() -> None:
    loop = Loop(FROZEN)
    loop.run(STEPS + 4)
    assert (loop.ctl.progress, loop.ctl.fully_quantized) == (1.0, True)
    assert loop.optimizer.param_groups[0]["lr"] == pytest.approx(0.002)


def test_progress_and_what_remains() -> None:
    loop = Loop(ANNEALED)
    assert (loop.ctl.progress, loop.ctl.fully_quantized) == (0.0, False)
    assert loop.ctl.remaining[0] == "0: noise of standard deviation 0.4 and mean -0.2"
    loop.run(9)
    assert (loop.ctl.progress, loop.ctl.fully_quantized) == (0.75, True)
    other = Loop(FROZEN)
    other.run(4)
    assert other.ctl.remaining[0] == "0: 65 of 108 weights in full precision"


@pytest.mark.parametrize(
    ("how", "expected"), [("schedule", (0.02, 0.01)), ("scale", (0.4, 0.2)), ("keep", (0.4, 0.2))]
)
def test_learning_rates_of_groups(how: str, expected: tuple[float, float]) -> None:
    model = qsched.quantize(network(), ANNEALED)
    groups = [{"params": model[0].parameters()}, {"params": model[3].parameters(), "lr": 0.2}]
    optimizer = torch.optim.SGD(groups, lr=0.4)
    ctl = qsched.attach(model, optimizer, ANNEALED, 10, learning_rate=how)
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx(expected)
    ctl.seek(8)
    factor = 1.0 if how == "keep" else 0.1
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx(np.array(expected) * factor)


def test_a_learning_rate_that_is_a_tensor_stays_one() -> None:
    model = qsched.quantize(network(), ANNEALED)
    rate = torch.tensor(0.5)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    qsched.attach(model, optimizer, ANNEALED, 10).seek(9)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.002)


def test_noise_follows_from_seed_step_and_place() -> None:
    def outputs(seed: int, step: int) -> torch.Tensor:
        model = qsched.quantize(network(), ANNEALED)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        qsched.attach(model, optimizer, ANNEALED, 1000, seed=seed).seek(step)
        return model.train()[:3](batch(0)[0]).detach()

    assert torch.equal(outputs(1, 5), outputs(1, 5))
    assert not torch.equal(outputs(1, 5), outputs(2, 5))
    assert not torch.equal(outputs(1, 5), outputs(1, 6))


def test_a_copy_is_independent() -> None:
    loop = Loop(FROZEN)
    loop.run(5)
    copied = copy.deepcopy(loop)
    assert loop.run(3) == copied.run(3)
    assert same(loop.model, copied.model)
    rest = copy.deepcopy(loop.model)
    loop.run(4)
    assert not same(loop.model, rest)


def test_a_checkpoint_serves_without_a_schedule() -> None:
    loop = Loop(FROZEN)
    loop.run(STEPS)
    model = qsched.quantize(network(9), qsched_precision())
    model.load_state_dict(loop.model.state_dict())
    x, _ = batch(7)
    assert torch.equal(model.eval()(x), loop.model.eval()(x))
    assert torch.equal(qsched.convert(model)(x), model(x))


def qsched_precision() -> object:
    from qsched.specs import Precision

    return Precision()


def test_bad_input() -> None:
    model = qsched.quantize(network(), ANNEALED)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(InputError, match="total_steps must be an integer >= 1, but got 0"):
        qsched.attach(model, optimizer, ANNEALED, 0)
    with pytest.raises(InputError, match=r"call qsched.quantize\(model"):
        qsched.attach(network(), optimizer, ANNEALED, 10)
    with pytest.raises(InputError, match="`nothing` matches no quantizer here; their names: `0`"):
        wrong = ANNEALED.model_copy(
            update={"overrides": (Override(pattern="nothing", exclude=True),)}
        )
        qsched.attach(model, optimizer, wrong, 10)
    with pytest.raises(InputError, match="leaves all of this model in full precision"):
        qsched.attach(model, optimizer, Schedule(learning_rate=LearningRate(initial=1.0)), 10)
    with pytest.raises(InputError, match="attach with steps_per_epoch=N"):
        qsched.attach(model, optimizer, SCHEDULES["rpr"], 10)
    with pytest.raises(UnknownNameError, match="unknown learning_rate `keeps`; did you mean"):
        qsched.attach(model, optimizer, ANNEALED, 10, learning_rate="keeps")
    idle = torch.optim.SGD(model.parameters(), 0.0)
    with pytest.raises(InputError, match="must have a learning rate > 0"):
        qsched.attach(model, idle, ANNEALED, 10)
    ctl = qsched.attach(model, optimizer, ANNEALED, 10)
    with pytest.raises(InputError, match="total_steps it began with, 20, but this .* has 10"):
        ctl.load_state_dict({**ctl.state_dict(), "total_steps": 20})
    with pytest.raises(InputError, match="but this has model"):
        ctl.load_state_dict({"model": 1})


def test_a_float_state_dict_that_comes_late_freezes_anew() -> None:
    early = FROZEN.model_copy(update={"window": Window(end=0.0)})
    loop = Loop(early)
    assert loop.ctl.fully_quantized
    loop.model.load_state_dict(network(seed=5).state_dict())
    assert not loop.ctl.fully_quantized
    loop.ctl.step()
    assert loop.ctl.fully_quantized
    weight = network(seed=5)[0].weight
    assert torch.equal(
        loop.model[0].effective_weight.sign() * weight.abs(),
        weight * (loop.model[0].effective_weight != 0),
    )


def test_a_schedule_of_another_form_can_be_attached() -> None:
    model = qsched.quantize(network(), FROZEN)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    ctl = qsched.attach(model, optimizer, ANNEALED, 10)
    assert [q.method for q in ctl.quantizers] == [ANA] * 4
    assert isinstance(ctl.quantizers[0].method, Ana)
    assert not any(isinstance(m, IncrementalWeights) for m in model.modules())
    assert isinstance(model[0], nn.Conv2d)


def attached(**named: object) -> object:
    model = qsched.quantize(network(), ANNEALED)
    arguments: dict[str, object] = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), 0.1),
        "schedule": ANNEALED,
        "total_steps": 4,
        **named,
    }
    return qsched.attach(**arguments)


OTHER = torch.optim.SGD(network().parameters(), 0.1)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"model": "m"}, "attached to a torch.nn.Module, but this is str"),
        ({"optimizer": None}, "needs the optimizer of the training.*but got NoneType"),
        ({"optimizer": []}, "needs the optimizer of the training.*but got an empty list"),
        ({"optimizer": OTHER}, "holds none of the model's parameters"),
        ({"schedule": None}, "a schedule is a Schedule.*NoneType"),
        ({"total_steps": "10"}, "total_steps must be an integer >= 1, but got '10'"),
        ({"total_steps": 1.5}, "total_steps must be an integer >= 1, but got 1.5"),
        ({"total_steps": 0}, "total_steps must be an integer >= 1, but got 0"),
        ({"steps_per_epoch": 0}, "steps_per_epoch must be an integer >= 1"),
    ],
)
def test_arguments_of_other_types(named: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        attached(**named)


def test_states_and_steps_of_other_types() -> None:
    ctl = attached()
    assert isinstance(ctl, qsched.attachment.Controller)
    with pytest.raises(InputError, match="this has none; load what ctl.state_dict"):
        ctl.load_state_dict(None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a step must be an integer >= 0, but got -5"):
        ctl.seek(-5)


def test_a_scheduler_of_torch_is_noticed() -> None:
    model = qsched.quantize(network(), ANNEALED)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    with pytest.warns(UserWarning, match='attach with learning_rate="keep"'):
        qsched.attach(model, optimizer, ANNEALED, 4)
    qsched.attach(model, optimizer, ANNEALED, 4, learning_rate="keep")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_control_values_of_a_model_in_half_precision_are_exact(dtype: torch.dtype) -> None:
    model = qsched.quantize(network(), ANNEALED)
    exact = model[0].quantizer.controls.clone()
    assert not torch.equal(exact, exact.to(dtype).float())
    model.to(dtype)
    assert model[0].weight.dtype == dtype
    assert torch.equal(model[0].quantizer.controls, exact)
    qsched.attach(model, torch.optim.SGD(model.parameters(), 0.1), ANNEALED, 4).step()
    assert model[0].quantizer.controls.dtype == torch.float32
    assert model.double()[0].quantizer.controls.dtype == torch.float64
