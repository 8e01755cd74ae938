"""Verification finds what it should: the first layer and element that differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qsched.deploy import deploy, export, integer_network, verify
from qsched.deploy.engines import Numpy
from qsched.deploy.integer import IntegerNetwork, Threshold
from qsched.deploy.verify import verify_engines
from tests.deploy.chains import accelerated, examples


def test_all_engines_agree() -> None:
    network = accelerated(4)
    found = verify(network, examples(network, 70))
    assert [agreement.engine for agreement in found] == ["torch", "onnxruntime", "qonnx"]
    assert all((a.examples, a.differing, a.first) == (70, 0, None) for a in found)


@pytest.mark.parametrize("target", ["onnx", "qonnx"])
def test_what_is_verified_is_the_written_file(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = accelerated(4)
    maker = f"to_{target}"
    right = getattr(export, maker)
    wrong = tampered(integer_network(network), "act1", 2)
    monkeypatch.setattr(export, maker, lambda _: right(wrong))
    result = deploy(network, target, tmp_path, examples(network, 70), check=True)
    engine = {"onnx": "onnxruntime", "qonnx": "qonnx"}[target]
    assert {a.engine for a in result.agreements if a.differing} == {engine}
    first = next(a.first for a in result.agreements if a.differing)
    assert first is not None
    assert (first.layer, first.element[0]) == ("act1", 2)


def tampered(network: IntegerNetwork, name: str, channel: int) -> IntegerNetwork:
    """Return the network with an upper threshold of one channel off by one."""
    nodes = []
    for node in network.nodes:
        if node.name == name:
            assert isinstance(node.operation, Threshold)
            thresholds = node.operation.thresholds.copy()
            thresholds[channel, -1] += 1
            node = replace(node, operation=replace(node.operation, thresholds=thresholds))
        nodes.append(node)
    return replace(network, nodes=tuple(nodes))


@pytest.mark.parametrize(("name", "channel"), [("act1", 2), ("act2", 1)])
def test_a_threshold_off_by_one_is_found_where_it_is(name: str, channel: int) -> None:
    network = accelerated(4)
    integers, x = integer_network(network), examples(network, 60)
    other = tampered(integers, name, channel)
    [found] = verify_engines(Numpy(integers), [Numpy(other)], x)
    assert found.differing > 0
    assert found.first is not None
    assert (found.first.layer, found.first.element[0]) == (name, channel)
    assert (found.first.expected, found.first.found) == (1, 0)
    right, wrong = (Numpy(n).logits(x) for n in (integers, other))
    assert found.differing == (right != wrong).sum()
    assert found.first.example == np.flatnonzero((right != wrong).any(axis=1))[0]
    assert f"`{name}` differs first" in str(found.first)
