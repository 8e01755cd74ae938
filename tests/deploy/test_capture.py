"""Trained lanes as hard networks: what they compute is what training measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from qsched.deploy.capture import check, hard_network, train_network
from qsched.deploy.integer import integer_network
from qsched.deploy.twin import to_torch
from qsched.errors import InputError, TrainingError
from qsched.schedules import LearningRate
from qsched.specs import OptimizerSpec, Precision
from qsched.tasks import load_data
from qsched.training import train, train_one
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
