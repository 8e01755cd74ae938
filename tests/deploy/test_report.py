"""Costs against counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from qsched.deploy import integer_network
from qsched.deploy.report import HEADER, cost, observe, rows
from tests.deploy.chains import accelerated, changed, examples, mixed


def test_counts_of_the_accelerated_network() -> None:
    found = cost(integer_network(accelerated()))
    assert [layer.weights for layer in found.layers] == [90, 225, 225, 180]
    assert [layer.operations for layer in found.layers] == [
        2 * 64 * 90,
        2 * 36 * 225,
        2 * 36 * 225,
        2 * 180,
    ]
    assert found.weight_bytes == 18 + 45 + 45 + 36
    assert found.trits == found.weights == 720
    assert all(layer.ternary for layer in found.layers)
    assert found.energy == pytest.approx(found.operations / 1036e12)
    assert [len(row) for row in rows(found)] == [len(HEADER)] * 4


def test_zeros_are_counted() -> None:
    levels = np.zeros((5, 2, 3, 3), np.int64)
    levels[0] = 1
    found = cost(integer_network(changed(accelerated(), "conv1", levels=levels)))
    assert found.layers[0].zeros == 4 * 18
    assert found.layers[0].worst == 18


def test_only_ternary_layers_count_for_energy() -> None:
    found = cost(integer_network(mixed()))
    assert [layer.ternary for layer in found.layers] == [False, False, False, False]
    assert found.energy == 0
    assert found.layers[-1].bits == 15
    assert found.layers[-1].weight_bytes == -(-21 * 15 // 8)


def test_observed_ranges_are_those_of_the_sums() -> None:
    network = accelerated()
    integers, x = integer_network(network), examples(network, 300)
    ranges = observe(integers, x)
    low, high = ranges["conv1"]
    assert len(low) == 5
    found = cost(integers, ranges).layers[0]
    assert found.observed == (low.min(), high.max())
    assert -found.worst <= low.min() < high.max() <= found.worst
    part = observe(integers, x[:10])["conv1"]
    assert (part[0] >= low).all()
    assert (part[1] <= high).all()
