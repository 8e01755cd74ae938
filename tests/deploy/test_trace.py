"""Models of one's own: traced, and refused by name where they cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qsched.attachment.hard import HardConv2d, HardLinear, HardStair
from qsched.deploy import deploy, trace, verify
from qsched.deploy.execute import logits
from qsched.deploy.integer import integer_network
from qsched.errors import InputError

ONE = torch.tensor(1.0)


def conv(outputs: int, inputs: int, padding: tuple[int, int] | str = (1, 1)) -> HardConv2d:
    levels = torch.randint(-1, 2, (outputs, inputs, 3, 3))
    scale = torch.rand(outputs, 1, 1, 1) + 0.5
    return HardConv2d(levels, scale, stride=(1, 1), padding=padding, dilation=(1, 1))


def dilated() -> HardConv2d:
    levels = torch.ones(2, 2, 3, 3)
    return HardConv2d(levels, ONE, stride=(1, 1), padding=(2, 2), dilation=(2, 2))


def stair() -> HardStair:
    return HardStair(torch.tensor([-0.5, 0.5]), torch.tensor([-1, 0, 1]), ONE)


def norm(channels: int) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(channels)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias, std=0.3)
    layer.running_mean.normal_()
    layer.running_var.uniform_(2, 9)
    return layer


def model() -> nn.Sequential:
    torch.manual_seed(0)
    head = nn.Linear(4 * 9, 5)
    body = (conv(4, 2), norm(4), stair(), conv(4, 4), norm(4), stair())
    return nn.Sequential(*body, nn.Dropout(0.3), nn.AvgPool2d(2), nn.Flatten(), head).eval()


X = torch.randint(-1, 2, (50, 2, 6, 6), generator=torch.Generator().manual_seed(3)).float()


def test_logits_are_those_of_the_model_up_to_the_rounding_of_the_classifier() -> None:
    network = trace(model(), X)
    assert (network.input.step, network.input.low, network.input.high) == (1, -1, 1)
    with torch.inference_mode():
        expected = model()(X).numpy()
    found = logits(integer_network(network), X.numpy())
    assert np.ptp(expected, axis=0).min() > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=36 * 2.0**-17)
    assert {a.differing for a in verify(network, X.numpy())} == {0}


def test_a_hard_classifier_and_features() -> None:
    torch.manual_seed(1)
    layers = (
        HardLinear(torch.randint(-1, 2, (8, 6)), torch.tensor(0.5), torch.randn(8)),
        nn.BatchNorm1d(8, affine=False),
        stair(),
        nn.Identity(),
        HardLinear(torch.randint(-1, 2, (3, 8)), torch.tensor(0.25)),
    )
    net, x = nn.Sequential(*layers).eval(), torch.randn(64, 6)
    network = trace(net, x, input_bits=16)
    rounded = torch.from_numpy(np.rint(x.numpy() / network.input.step) * network.input.step)
    with torch.inference_mode():
        expected = net(rounded.float()).numpy()
    np.testing.assert_array_equal(logits(integer_network(network), x.numpy()), expected)


class Functional(nn.Module):
    """Flattens by functions and methods."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.body, self.head, self.how = conv(2, 2), nn.Linear(72, 3), how
        self.act = stair()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.body(x))
        match self.how:
            case "function":
                x = torch.flatten(x, 1)
            case "method":
                x = x.flatten(start_dim=1)
            case "view":
                x = x.view(x.size(0), -1)
            case "reshape":
                x = x.reshape((x.shape[0], 72))
            case "rows":
                x = x.view(-1, 72)
            case "wrong rows":
                x = x.view(-1, 36)
            case "relu":
                x = torch.relu(x).flatten(1)
            case "exp":
                x = x.exp().flatten(1)
        return self.head(x)


class Pools(nn.Module):
    """Pools by functions and methods, and calls one stair twice."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.body, self.second, self.head = conv(2, 2), conv(2, 2, "same"), nn.Linear(2, 3)
        self.act, self.input, self.how = stair(), norm(2), how

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.input(self.body(x)))
        x = F.max_pool2d(F.dropout(x, 0.3, self.training), 2, 1)
        x = self.act(self.second(x))
        match self.how:
            case "mean":
                x = x.mean((2, 3))
            case "torch":
                x = torch.mean(x, [-1, -2], keepdim=True).flatten(1)
            case "pool":
                x = F.adaptive_avg_pool2d(F.avg_pool2d(x, 2, stride=1), 1).flatten(1)
        return self.head(x)


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.act, self.head = conv(2, 2), conv(2, 2), stair(), stair()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x))
        return self.head(self.second(x) + x)


class Decides(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize("how", ["function", "method", "view", "reshape", "rows"])
def test_flattening_by_function(how: str) -> None:
    assert [type(x).__name__ for x in trace(Functional(how), X).layers][2] == "Flatten"


@pytest.mark.parametrize("how", ["mean", "torch", "pool"])
def test_pooling_by_function_and_a_stair_called_twice(how: str, tmp_path: Path) -> None:
    torch.manual_seed(2)
    net = Pools(how).eval()
    network = trace(net, X)
    names = [layer.name for layer in network.layers]
    assert names[:6] == ["body", "input.2", "act", "max_pool2d", "second", "act.2"]
    assert len(set(names)) == len(names)
    with torch.inference_mode():
        expected = net(X).numpy()
    found = logits(integer_network(network), X.numpy())
    assert np.ptp(expected, axis=0).min() > 0.01
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    for target in ("onnx", "qonnx"):
        result = deploy(network, target, tmp_path / target, X.numpy(), check=True)
        assert {a.differing for a in result.agreements} == {0}
    with np.load(tmp_path / "onnx" / "golden.npz") as golden:
        assert {"act", "act.2"} <= set(golden)
        assert golden["act"].shape != golden["act.2"].shape


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Skip(), "a chain.*`act` is read by `second` and `add`: `add` adds a skip.*vgg8"),
        (Functional("relu"), r"`relu` is the function relu.*as a module, such as nn.ReLU\(\)"),
        (Functional("exp"), "`exp` is the operation exp; leave it out"),
        (Functional("wrong rows"), r"`view` must make one row.*x.flatten\(1\)"),
        (Decides(), "traceable.*decisions on data"),
        (
            nn.Sequential(nn.Conv2d(2, 2, 3), stair(), nn.Flatten(), nn.Linear(32, 3)),
            "`0` has weights in full precision; quantize it",
        ),
        (
            nn.Sequential(nn.Flatten(), nn.Linear(72, 3), stair(), nn.Linear(3, 3)),
            "`1` has weights in full precision, and only the last layer may",
        ),
        (
            nn.Sequential(conv(2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3)),
            "`1` is a ReLU, which has no integer form",
        ),
        (
            nn.Sequential(conv(2, 2), nn.Flatten(), nn.Linear(72, 3)),
            "`1` stands between `0` and its activation",
        ),
        (
            nn.Sequential(dilated(), stair(), nn.MaxPool2d(2, padding=1), nn.Flatten()),
            '(?s)`0` has dilation, or padding="same" of an even kernel.*`2` pools with padding',
        ),
        (
            nn.Sequential(conv(2, 2), nn.GroupNorm(1, 2), stair(), nn.Flatten(), nn.Linear(72, 3)),
            "`1` is a GroupNorm.*use batch normalization",
        ),
        (
            nn.Sequential(conv(3, 3), stair(), nn.Flatten(), nn.Linear(72, 3)),
            r"`0` gets a shape of \(2, 6, 6\).*give inputs as in training",
        ),
    ],
)
def test_what_is_no_chain_of_hard_layers_is_refused_by_name(net: nn.Module, message: str) -> None:
    with pytest.raises(InputError, match=message):
        trace(net, X)


@pytest.mark.parametrize(
    ("x", "bits", "message"),
    [
        (X[:0], 8, "at least one"),
        (torch.full((1, 2, 6, 6), torch.nan), 8, "finite"),
        (X, 1, "2 to 16 bits, but 1"),
    ],
)
def test_examples_are_checked(x: Tensor, bits: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        trace(model(), x, input_bits=bits)
