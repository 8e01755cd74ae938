from typing import get_args

import pytest

from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool,
)
from qsched.native.names import FORWARDS, NOISE
from qsched.quantizers import CODEBOOKS, STAIRS
from qsched.schedules import Override, Partition, Steps, Window
from qsched.specs import OptimizerSpec, Precision, Run
from qsched.tasks import task_plan
from tests.native.compare import annealing, both, difference, freezing, task

DEEP = 1e-8
EPOCH = 10


def runs(task_, *schedules, seeds=1):
    return [
        Run(task=task_, schedule=schedule, seed=seed)
        for seed in range(seeds)
        for schedule in schedules
    ]


@pytest.mark.parametrize("forward", FORWARDS)
@pytest.mark.parametrize("family", NOISE)
def test_deep_network_moves_alike(family, forward):
    shifted = annealing(family, forward, mean=0.3, mean_decay="sqrt")
    assert difference(runs(task("mlp9"), annealing(family, forward), shifted), 3) < DEEP


@pytest.mark.parametrize("family", NOISE)
def test_shallow_network_moves_alike_for_an_epoch(family):
    schedules = annealing(family, rate=0.003), annealing(family, std=0.3, rate=0.01)
    assert difference(runs(task(), *schedules, seeds=2), EPOCH) < DEEP


def test_without_noise():
    ste = annealing(std=0.0, backward_std=12**-0.5, backward_floor=1.0)
    dead = annealing(std=0.0, backward_std=0.0)
    assert difference(runs(task("mlp9"), ste, dead), 3) < DEEP


@pytest.mark.parametrize("levels", sorted(STAIRS))
@pytest.mark.parametrize("forward", FORWARDS)
def test_all_levels(levels, forward):
    precision = Precision(weights=levels, activations=levels, last=True)
    schedules = annealing("logistic", forward), annealing("uniform", forward)
    assert difference(runs(task(precision=precision), *schedules), 3) < DEEP


@pytest.mark.parametrize("width", [1, 5, 16, 21])
@pytest.mark.parametrize("batch", [1, 7, 33])
def test_any_width_and_batch(width, batch):
    sized = task(width=width, batch_size=batch)
    assert difference(runs(sized, annealing("triangular", "random")), 5) < DEEP


def test_binary_padding_does_not_leak():
    precision = Precision(weights="binary", activations="binary")
    sized = task(width=5, precision=precision)
    assert difference(runs(sized, annealing("logistic", mean=0.2)), EPOCH) < DEEP


def test_hardening_through_to_the_end():
    """Standard deviations reach 0 at different steps, layer by layer."""
    ends = task(epochs=1)
    results = both(runs(ends, annealing(rate=0.003), annealing("logistic", rate=0.003)))
    for native, torch in zip(*results, strict=True):
        assert native.accuracy == torch.accuracy
        assert native.loss == pytest.approx(torch.loss, rel=1e-6)
        assert [p.step for p in native.curve] == [p.step for p in torch.curve]
        for mine, theirs in zip(native.curve, torch.curve, strict=True):
            assert mine.loss == pytest.approx(theirs.loss, rel=1e-6)
            assert mine.accuracy == theirs.accuracy


@pytest.mark.parametrize(
    "optimizer",
    [
        OptimizerSpec(weight_decay=0.1, clip=0.5, eps=1e-3, betas=(0.8, 0.9)),
        OptimizerSpec(name="sgd", learning_rate=0.05, weight_decay=0.01, momentum=0.8),
        OptimizerSpec(name="sgd", learning_rate=0.05, clip=0.1, momentum=0.0),
    ],
)
def test_optimizers(optimizer):
    assert difference(runs(task(optimizer=optimizer), annealing("normal")), EPOCH) < DEEP


@pytest.mark.parametrize("partition", get_args(Partition))
def test_freezing(partition):
    two_epochs = task(epochs=2)
    smooth = freezing(
        partition, overrides=(Override(role="weights", depth=(0.4, 0.6), exclude=True),)
    )
    stages = freezing(partition, decay=Steps(stages=3))
    assert difference(runs(two_epochs, smooth, stages), 15) < DEEP


@pytest.mark.parametrize("levels", sorted(CODEBOOKS))
def test_codebooks(levels):
    precision = Precision(weights=levels)
    sized = task(width=5, precision=precision, epochs=1)
    for run_result, peer in zip(*both(runs(sized, freezing("error", rate=0.003))), strict=True):
        assert run_result.accuracy == peer.accuracy
        assert run_result.loss == pytest.approx(peer.loss, rel=1e-6)
    late = freezing("magnitude", window=Window(start=0.9, end=1.0))
    assert difference(runs(sized, freezing("error"), late), EPOCH) < DEEP


def test_full_precision():
    precision = Precision(weights="float", activations="float")
    assert difference(runs(task("mlp9", precision=precision), annealing()), 3) < DEEP


def test_diverging_lane_ends_like_in_torch_lanes():
    wild = annealing("logistic", rate=1e308)
    results = both(runs(task(epochs=2), wild, annealing("logistic")))
    for native, torch in zip(*results, strict=True):
        assert (native.status, native.steps, native.reason) == (
            torch.status,
            torch.steps,
            torch.reason,
        )
        assert len(native.curve) == len(torch.curve)
    assert results[0][0].status == "failed"
    assert results[0][1].status == "finished"


@pytest.mark.parametrize("family", NOISE)
def test_convolutions(family):
    schedules = annealing(family, mean=0.1), annealing(family, "random")
    assert difference(runs(task("cnn5", 5), *schedules), 3) < DEEP


def test_deep_convolutions():
    sized = task("cnn9", 20, batch_size=13)
    assert difference(runs(sized, annealing("logistic")), 3) < DEEP


LAYERS = {
    "pools": (
        *(Conv(6), BatchNorm(), Activation(), MaxPool()),
        *(Conv(5, kernel=1, padding=0, bias=True), Activation(), GlobalAveragePool()),
    ),
    "kernels": (
        *(Conv(3, kernel=5, stride=3, padding=2), BatchNorm(), Activation()),
        *(Conv(17, kernel=2, padding=0), Activation(), MaxPool(2), Flatten(), BatchNorm()),
    ),
    "strides": (
        *(Conv(4, padding=0), BatchNorm(), Activation()),
        *(Conv(4, stride=2, padding=0, bias=True), BatchNorm(), Activation()),
        *(Conv(4, kernel=1, stride=2, padding=0), BatchNorm(), Activation(), Flatten()),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, monkeypatch):
    layers = (*LAYERS[name], Linear(10, quantized=False, bias=True))
    monkeypatch.setattr("qsched.tasks.plan.build_network", lambda task, classes: layers)
    task_plan.cache_clear()
    assert difference(runs(task(batch_size=11), annealing("uniform", "random")), 5) < DEEP
    task_plan.cache_clear()
