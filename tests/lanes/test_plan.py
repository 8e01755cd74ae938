"""Shapes, columns, names and depths of networks, counted by hand."""

from __future__ import annotations

import pytest

from qsched.errors import InputError
from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool,
    Residual,
)
from qsched.lanes.plan import make_plan

HEAD = Linear(3, quantized=False, bias=True)


def test_row_of_a_convolutional_network() -> None:
    layers = (
        Conv(4, kernel=3, stride=2, padding=1, quantized=False),
        BatchNorm(),
        Activation(),
        MaxPool(2),
        Conv(5, kernel=1, padding=0),
        BatchNorm(),
        Activation(),
        Flatten(),
        HEAD,
    )
    plan = make_plan(layers, (2, 9, 7))
    assert [node.outputs for node in plan.nodes] == [
        (4, 5, 4),
        (4, 5, 4),
        (4, 5, 4),
        (4, 2, 2),
        (5, 2, 2),
        (5, 2, 2),
        (5, 2, 2),
        (20,),
        (3,),
    ]
    # Quantized weights come first, then other weights, then biases, scales, shifts.
    assert [(block.name, block.start, block.columns.stop) for block in plan.blocks] == [
        ("conv2.weight", 0, 20),
        ("conv1.weight", 20, 92),
        ("linear3.weight", 92, 152),
        ("linear3.bias", 152, 155),
        ("conv1.scale", 155, 159),
        ("conv2.scale", 159, 164),
        ("conv1.shift", 164, 168),
        ("conv2.shift", 168, 173),
    ]
    assert (plan.quantized, plan.weights, plan.size, plan.statistics) == (20, 152, 173, 9)
    assert plan.widest == 4 * 5 * 4
    assert plan.columns("scale") == slice(155, 164)
    assert [block.fan_in for block in plan.blocks[:4]] == [4, 18, 20, 20]


def test_depths_count_layers_with_a_quantizer_of_either_role() -> None:
    layers: tuple[Layer, ...] = (
        Linear(4, quantized=False),
        Activation(),
        Linear(4, quantized=False),
        Linear(4),
        Activation(),
        Linear(4),
        HEAD,
    )
    found = [(p.role, p.depth, p.name) for p in make_plan(layers, (2,)).places]
    assert found == [
        ("weights", 0.5, "linear3"),
        ("weights", 1.0, "linear4"),
        ("activations", 0.0, "linear1.activation"),
        ("activations", 0.5, "linear3.activation"),
    ]


def test_the_activation_behind_a_sum_belongs_to_the_last_layer_of_the_body() -> None:
    body = (Conv(2, stride=2), Activation(), Conv(2))
    shortcut = (Conv(2, kernel=1, stride=2, padding=0),)
    layers = (Conv(2), Activation(), Residual(body, shortcut), Activation(), GlobalAveragePool())
    plan = make_plan((*layers, HEAD), (1, 4, 4))
    activations = [(p.name, p.depth) for p in plan.places if p.role == "activations"]
    assert activations == [
        ("conv1.activation", 0.0),
        ("conv2.activation", 1 / 3),
        ("conv3.activation", 2 / 3),
    ]
    assert [(p.name, p.depth) for p in plan.places if p.role == "weights"][-1] == ("conv4", 1.0)
    assert plan.nodes[3].site == 6
    assert plan.nodes[2].body[1].site == 5


@pytest.mark.parametrize(
    ("layers", "shape", "message"),
    [
        ((Linear(3),), (1, 4, 4), r"Linear needs features .* put Flatten\(\) before it"),
        ((Flatten(), Conv(3)), (1, 4, 4), "Conv needs images .* cannot stand behind Flatten"),
        ((Residual((Conv(3, stride=2),)),), (3, 4, 4), "body ends in .* give the shortcut a Conv"),
    ],
)
def test_layers_that_do_not_fit(
    layers: tuple[Layer, ...], shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_plan(layers, shape)
