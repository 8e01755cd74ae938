"""The hard network in PyTorch, in float64: what the integer network must equal.

It computes normalization and stair functions from their formulas, with no integer threshold, and
so is an independent check of what was folded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from qsched.attachment.hard import HardConv2d, HardLinear, HardStair
from qsched.deploy.integer import IntegerNetwork, Logits
from qsched.deploy.records import (
    AvgPool,
    Conv,
    Flatten,
    HardNetwork,
    Input,
    Layer,
    Linear,
    MaxPool,
    Norm,
    Stair,
)

__all__ = ["Classifier", "Quantizer", "to_torch"]


class Quantizer(nn.Module):
    """Rounds inputs as :class:`~qsched.deploy.Input` says; what comes out is not integer."""

    def __init__(self, spec: Input) -> None:
        super().__init__()
        self.spec = spec

    def forward(self, x: Tensor) -> Tensor:
        step = self.spec.step
        return torch.clamp(torch.round(x.double() / step), self.spec.low, self.spec.high) * step


class Classifier(nn.Module):
    """The last layer, its bias rounded: integer logits times a step.

    Args:
        layer: the classifier, on inputs that are integers times ``unit``.
        unit: of its inputs.
        logits: factor, offset, step.
    """

    def __init__(self, layer: Linear, unit: float, logits: Logits) -> None:
        super().__init__()
        levels = torch.from_numpy(layer.levels)
        self.sums = HardLinear(levels, torch.ones(1, dtype=torch.float64))
        self.register_buffer("offset", torch.from_numpy(logits.offset).double())
        self.unit, self.factor, self.step = unit, logits.factor, logits.step

    offset: Tensor

    def forward(self, x: Tensor) -> Tensor:
        integers: Tensor = self.sums(torch.round(x / self.unit)) * self.factor + self.offset
        step = torch.tensor(self.step, dtype=torch.float32)
        return integers.float() * step


def to_torch(network: HardNetwork, integers: IntegerNetwork) -> nn.Sequential:
    """Return a hard network as modules that compute in float64, in inference mode.

    Args:
        network: the hard network.
        integers: made of it; only the rounding of logits is taken from there.

    Returns:
        Modules in the order of the layers, behind one that rounds inputs; logits are float32,
        [N, classes].
    """
    return nn.Sequential(*_modules(network, integers)).double().eval().requires_grad_(False)


def _modules(network: HardNetwork, integers: IntegerNetwork) -> Iterator[nn.Module]:
    unit, images = network.input.step, len(network.input.shape) == 3
    yield Quantizer(network.input)
    logits = integers.nodes[-1].operation
    assert isinstance(logits, Logits)
    for i, layer in enumerate(network.layers):
        if i == len(network.layers) - 1 and isinstance(layer, Linear):
            yield Classifier(layer, unit, logits)
            return
        yield _module(layer, images)
        match layer:
            case Stair():
                unit = layer.quantum
            case AvgPool():
                unit /= layer.size[0] * layer.size[1]
            case Flatten() | Linear():
                images = False


def _module(layer: Layer, images: bool) -> nn.Module:
    match layer:
        case Linear():
            return HardLinear(torch.from_numpy(layer.levels), *_scaled(layer))
        case Conv():
            return HardConv2d(
                torch.from_numpy(layer.levels),
                *_scaled(layer),
                stride=layer.stride,
                padding=layer.padding,
                dilation=(1, 1),
                groups=layer.groups,
            )
        case Norm():
            return _norm(layer, images)
        case Stair():
            return HardStair(
                torch.from_numpy(layer.thresholds),
                torch.from_numpy(layer.levels),
                torch.tensor(layer.quantum, dtype=torch.float64),
            )
        case MaxPool():
            return nn.MaxPool2d(layer.size, layer.stride)
        case AvgPool():
            return nn.AvgPool2d(layer.size, layer.stride)
        case Flatten():
            return nn.Flatten()


def _scaled(layer: Linear | Conv) -> tuple[Tensor, Tensor | None]:
    scale = torch.from_numpy(layer.scale).reshape(-1, *[1] * (layer.levels.ndim - 1))
    return scale, None if layer.bias is None else torch.from_numpy(layer.bias)


def _norm(layer: Norm, images: bool) -> nn.Module:
    kind = nn.BatchNorm2d if images else nn.BatchNorm1d
    norm = kind(len(layer.mean), eps=layer.eps, dtype=torch.float64)
    state = {
        "running_mean": layer.mean,
        "running_var": layer.variance,
        "weight": layer.scale,
        "bias": layer.shift,
    }
    values = {name: torch.from_numpy(np.asarray(value)) for name, value in state.items()}
    norm.load_state_dict({**values, "num_batches_tracked": torch.tensor(0)})
    return norm
