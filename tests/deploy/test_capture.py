"""Trained lanes as hard networks: what they compute is what training measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import qsched
from qsched.deploy import verify
from qsched.deploy.capture import check, hard_network, train_network
from qsched.deploy.integer import integer_network
from qsched.deploy.twin import to_torch
from qsched.deploy.verify import TRAINED
from qsched.errors import InputError, TrainingError
from qsched.schedules import LearningRate
from qsched.specs import NetworkSpec, OptimizerSpec, Precision, TaskSpec
from qsched.tasks import load_data
from qsched.training import train, train_one
from tests.deploy.chains import changed
from tests.training.small import STATIC, ana, inq, make_run, schedule, small_task

TERNARY_HEAD = Precision(last=True)
CASES = [
    ("small-mlp", schedule(ana(), ana()), Precision()),
    ("small-cnn", schedule(ana(), STATIC), Precision()),
    ("small-cnn", inq(), TERNARY_HEAD),
    ("small-mlp", inq(), Precision(weights="power-of-two-3", activations="4-bit")),
    ("small-mlp", schedule(ana(), ana()), Precision(weights="2-bit", activations="binary")),
]


@pytest.mark.parametrize(("network", "followed", "precision"), CASES)
def test_the_hard_network_is_the_one_that_was_scored(network, followed, precision) -> None:
    task = small_task(network, precision=precision)
    run = make_run(task, followed, seed=3, evaluate="test")
    result, parameters = train_one(run, dtype=torch.float64, engine="torch")
    assert train([run], dtype=torch.float64, engine="torch")[0].accuracy == result.accuracy
    found = hard_network(task, parameters, 16)
    model = to_torch(found, integer_network(found))
    model[0].forward = lambda x: x.double()  # Training rounds no inputs.
    test = load_data(task.data).test
    with torch.inference_mode():
        logits = model(torch.from_numpy(test.x))
    assert (logits.argmax(1).numpy() == test.y).mean() == pytest.approx(result.accuracy)
    loss = torch.nn.functional.cross_entropy(logits.double(), torch.from_numpy(test.y))
    assert float(loss) == pytest.approx(result.loss, rel=1e-3)


def test_names_shapes_and_metadata() -> None:
    task = small_task("small-cnn")
    network = train_network(make_run(task, inq(), seed=5), "halves", engine="torch")
    assert [layer.name for layer in network.layers] == [
        "conv1",
        "pool1",
        "conv1.norm",
        "conv1.activation",
        "conv2",
        "conv2.norm",
        "conv2.activation",
        "pool2",
        "pool2.flatten",
        "linear3",
    ]
    meta = network.metadata
    assert (meta.schedule, meta.seed) == ("halves", 5)
    assert len(meta.schedule_sha256) == 64
    assert meta.task["network"]["name"] == "small-cnn"
    assert meta.accuracy == pytest.approx(meta.trained_accuracy, abs=0.1)
    assert np.abs(network.layers[-1].levels).max() > 2**12
    assert replace(network).input.shape == (2, 6, 6)


def own_chain(width: int | None, classes: int) -> nn.Module:
    """A chain without a lane version: ReLU, a stair called twice, flattening by a method."""
    return OwnChain(classes)


class OwnChain(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 4, 3, padding="same"), nn.Conv2d(4, 4, 3)
        self.norm, self.again = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
        self.act, self.head = nn.ReLU(), nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.norm(self.first(x)))
        x = self.act(self.again(self.second(x)))
        return self.head(x.view(x.size(0), -1))


class OwnSkip(OwnChain):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.norm(self.first(x)))
        return self.head((self.act(self.again(self.second(x))) + x[:, :, 1:-1, 1:-1]).flatten(1))


qsched.task("capture-chain", own_chain)
qsched.task("capture-skip", lambda width, classes: OwnSkip(classes))


def own_task(name: str, **changes: object) -> TaskSpec:
    task = small_task("small-cnn", **changes)
    return task.model_copy(update={"network": NetworkSpec(name=name)})


@pytest.mark.parametrize("followed", [schedule(ana(), ana()), inq()], ids=["ana", "inq"])
def test_a_model_of_one_s_own_is_kept_as_it_was_scored(followed) -> None:
    run = make_run(own_task("capture-chain"), followed, seed=2, evaluate="test")
    network = train_network(run, "own", input_bits=16)
    [result] = train([run])
    assert network.metadata.trained_accuracy == result.accuracy
    assert network.metadata.rounded_accuracy == pytest.approx(result.accuracy, abs=0.05)
    assert network.metadata.accuracy == network.metadata.rounded_accuracy
    assert [layer.name for layer in network.layers][2:6] == ["act", "second", "again", "act.2"]


def test_a_skip_of_one_s_own_is_refused_before_training() -> None:
    with pytest.raises(InputError, match="`act` is read by"):
        check(own_task("capture-skip"), schedule(ana(), ana()))
    with pytest.raises(InputError, match="`norm`|`act` is a ReLU.*quantize activations"):
        check(own_task("capture-chain"), schedule(ana(), None))


@pytest.mark.parametrize(("network", "followed", "precision"), CASES)
@pytest.mark.parametrize("engine", ["torch", "native"])
def test_integers_are_those_of_the_trained_network(network, followed, precision, engine) -> None:
    task = small_task(network, precision=precision)
    found = train_network(make_run(task, followed, seed=3), "x", input_bits=4, engine=engine)
    test = load_data(task.data).test
    [agreement, *_] = verify(found, test.x)
    assert agreement.engine == TRAINED
    assert (agreement.examples, agreement.differing, agreement.first) == (len(test), 0, None)
    assert 0 < agreement.tolerance < 0.01 * np.ptp(found.reference.logits)
    assert found.metadata.accuracy == pytest.approx(found.metadata.rounded_accuracy, abs=1e-9)
    assert found.reference.logits.std(0).min() > 10 * agreement.tolerance


def test_a_network_that_is_not_the_trained_one_is_found_out() -> None:
    task = small_task("small-cnn")
    found = train_network(make_run(task, inq(), seed=5), "halves", engine="torch")
    test = load_data(task.data).test
    [norm] = [layer for layer in found.layers if layer.name == "conv2.norm"]
    wrong = changed(found, "conv2.norm", shift=norm.shift + 0.4)
    [agreement, torch_engine, *_] = verify(wrong, test.x)
    assert agreement.differing > 0
    assert "`logits` differs first" in str(agreement.first)
    assert torch_engine.differing == 0  # what is rebuilt from the network cannot know


def test_both_engines_give_the_same_parameters() -> None:
    task = small_task("small-cnn", precision=TERNARY_HEAD)
    run = make_run(task, inq(), seed=3)
    one, other = (
        train_one(run, dtype=torch.float64, engine=engine)[1] for engine in ("torch", "native")
    )
    for name in ("values", "weights", "mean", "variance"):
        np.testing.assert_allclose(
            getattr(other, name), getattr(one, name), rtol=1e-6, atol=1e-9, err_msg=name
        )


BOTH = schedule(ana(), ana())


@pytest.mark.parametrize(
    ("network", "precision", "followed", "message"),
    [
        ("small-mlp", Precision(weights="float"), BOTH, "`linear1` has weights in full precision"),
        ("small-mlp", Precision(first=False), BOTH, "`linear1` has weights in full precision"),
        ("small-cnn", Precision(activations="float"), BOTH, "`conv1` has activations in full"),
        ("small-cnn", Precision(), schedule(ana(), None), "`conv2` has activations in full"),
        ("small-cnn", Precision(), schedule(None, ana()), "`conv2` has weights in full"),
        ("small-residual", Precision(), BOTH, "residual blocks"),
        (
            "small-mlp",
            Precision(weights="float", activations="float"),
            BOTH,
            "(?s)`linear1` has weights.*`linear1` has activations.*`linear2` has activations",
        ),
    ],
)
def test_what_is_not_fully_quantized_is_refused_by_name(
    network, precision, followed, message
) -> None:
    task = small_task(network, precision=precision)
    with pytest.raises(InputError, match=message):
        check(task, followed)
    with pytest.raises(InputError, match=message):
        train_network(make_run(task, followed), "x")


def test_a_diverged_run_is_not_saved() -> None:
    wild = schedule(STATIC, STATIC, learning_rate=LearningRate(initial=1e300))
    task = small_task(optimizer=OptimizerSpec(name="sgd", momentum=0.0))
    with pytest.raises(TrainingError, match=r"seed 1 did not: diverged.*lower learning rate"):
        train_network(make_run(task, wild, seed=1), "wild", engine="torch")
