"""ONNX and QONNX models: same logits, same tensors, standard operators, explicit datatypes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from qsched.deploy.engines import Numpy, OnnxRuntime, Qonnx
from qsched.deploy.integer import integer_network
from qsched.deploy.onnx_export import to_onnx
from qsched.deploy.qonnx_export import datatype, to_qonnx
from qsched.errors import InputError
from tests.deploy.chains import TWO_BIT, accelerated, changed, examples, mixed

NETWORKS = [accelerated(), accelerated(5), mixed(), mixed(7)]


def evenly(network):
    """Return the network with an activation that QONNX can express."""
    thresholds, levels, quantum = TWO_BIT
    return changed(network, "act3", thresholds=thresholds, levels=levels, quantum=quantum)


@pytest.mark.parametrize("network", NETWORKS)
def test_onnxruntime_computes_the_same(network) -> None:
    integers, x = integer_network(network), examples(network)
    reference, engine = Numpy(integers), OnnxRuntime(integers)
    np.testing.assert_array_equal(engine.logits(x), reference.logits(x))
    expected = reference.tensors(x[:2])
    for name, value in engine.tensors(x[:2]).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


@pytest.mark.parametrize("network", [NETWORKS[0], evenly(NETWORKS[2])])
def test_qonnx_computes_the_same(network) -> None:
    integers, x = integer_network(network), examples(network, 11)
    reference, engine = Numpy(integers), Qonnx(integers, batch=4)
    np.testing.assert_array_equal(engine.logits(x), reference.logits(x))
    expected = reference.tensors(x[:2])
    for name, value in engine.tensors(x[:2]).items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def test_the_plain_twin_has_standard_operators_and_an_old_version() -> None:
    model = to_onnx(integer_network(accelerated()))
    kinds = {node.op_type for node in model.graph.node}
    assert kinds >= {"Conv", "MatMul", "Greater", "Less", "Cast", "Sub", "MaxPool"}
    assert {node.domain for node in model.graph.node} == {""}
    assert model.ir_version <= 13
    onnx.checker.check_model(model, full_check=True)


def test_ternary_tensors_are_ternary() -> None:
    model = to_qonnx(integer_network(accelerated()))
    types = {name: model.get_tensor_datatype(name).name for name in model.get_all_tensor_names()}
    ternary = {name for name, kind in types.items() if kind == "TERNARY"}
    assert ternary >= {"input", "conv1.weight", "act1", "conv2.weight", "act2", "head.weight"}
    assert types["act3"] == types["pool"] == types["flatten"] == "TERNARY"
    assert types["conv1"].startswith("INT")
    assert types["conv1"] != "INT2"
    assert types["logits"] == "FLOAT32"
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("MultiThreshold") == 3


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ([0], "TERNARY"),
        ([-1, 1], "BIPOLAR"),
        ([-2, 1], "INT2"),
        ([-2, 2], "INT3"),
        ([3, 3], "INT3"),
        ([-128, 127], "INT8"),
        ([-129, 0], "INT9"),
        ([0, 128], "INT9"),
    ],
)
def test_datatypes_are_the_smallest_that_hold_all_values(values, name) -> None:
    kind = datatype(np.array(values))
    assert kind.name == name
    assert all(kind.allowed(np.float32(value)) for value in values)


def test_uneven_levels_are_refused_by_qonnx_alone() -> None:
    integers = integer_network(mixed())
    with pytest.raises(InputError, match=r"evenly spaced.*`act3` are \[-4, -1, 0, 1, 4\]"):
        to_qonnx(integers)
    to_onnx(integers)


def test_strict_comparison_at_the_threshold_itself() -> None:
    """Off by one would show: sums equal to a threshold have reached it."""
    network = accelerated()
    integers = integer_network(network)
    first = integers.nodes[1].operation.thresholds
    sums = Numpy(integers).tensors(examples(network, 200))["conv1"]
    hits = sum((sums[:, c] == t).sum() for c, row in enumerate(first) for t in row)
    assert hits > 100
    x = examples(replace(network), 200)
    expected = Numpy(integers).tensors(x)["act1"]
    np.testing.assert_array_equal(OnnxRuntime(integers).tensors(x)["act1"], expected)
