"""From a PyTorch model to the layers of the lane engine, where it is a chain of such layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx, nn

from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool,
)

__all__ = ["describe"]


def describe(model: nn.Module) -> tuple[Layer, ...] | str:
    """Return the layers of a model in the terms of the lane engine, or why there are none.

    The model must be a chain of Linear, Conv2d, BatchNorm, Hardtanh (which is what an activation
    of the lane engine is in full precision), MaxPool2d, global mean and Flatten, all in the form
    that lanes compute.

    >>> describe(nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.Hardtanh(), nn.Linear(8, 2)))
    ... # doctest: +NORMALIZE_WHITESPACE
    (Flatten(), Linear(features=8, quantized=True, bias=True), Activation(),
     Linear(features=2, quantized=True, bias=True))
    >>> describe(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
    'ReLU has no lane version'
    """
    try:
        graph = fx.symbolic_trace(model).graph
    except Exception as error:  # whatever the user's forward raises on symbols
        return f"it cannot be traced ({type(error).__name__})"
    *nodes, output = graph.nodes
    layers: list[Layer] = []
    for before, node in zip(nodes, [*nodes[1:], output], strict=True):
        if node.all_input_nodes != [before]:
            return "it is not a chain of layers"
        if node.op == "output":
            continue
        found = _layer(model, node)
        if isinstance(found, str):
            return found
        layers += found
    return tuple(layers)


def _layer(model: nn.Module, node: fx.Node) -> list[Layer] | str:
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        name = type(module).__name__
        if type(module) not in _VERSIONS:
            return f"{name} has no lane version"
        found = _VERSIONS[type(module)](module)
        return f"{name} has no lane version in this form: {module}" if found is None else found
    flat = node.target in (torch.flatten, "flatten")
    return [Flatten()] if flat else f"the function {node.name} has no lane version"


def _linear(module: nn.Linear) -> list[Layer]:
    return [Linear(module.out_features, bias=module.bias is not None)]


def _conv(module: nn.Conv2d) -> list[Layer] | None:
    square = all(
        len(set(sides)) == 1 for sides in (module.kernel_size, module.stride, module.padding)
    )
    plain = module.dilation == (1, 1) and module.groups == 1 and module.padding_mode == "zeros"
    if not square or not plain or isinstance(module.padding, str):
        return None
    geometry = module.kernel_size[0], module.stride[0], module.padding[0]
    return [Conv(module.out_channels, *geometry, bias=module.bias is not None)]


def _norm(module: nn.BatchNorm1d | nn.BatchNorm2d) -> list[Layer] | None:
    usual = module.eps == 1e-5 and module.momentum == 0.1
    return [BatchNorm()] if usual and module.affine and module.track_running_stats else None


def _hardtanh(module: nn.Hardtanh) -> list[Layer] | None:
    return [Activation()] if (module.min_val, module.max_val) == (-1, 1) else None


def _pool(module: nn.MaxPool2d) -> list[Layer] | None:
    size = module.kernel_size
    plain = not module.padding and module.dilation == 1 and not module.ceil_mode
    same = isinstance(size, int) and module.stride == size
    return [MaxPool(size)] if plain and same and isinstance(size, int) else None


def _mean(module: nn.AdaptiveAvgPool2d) -> list[Layer] | None:
    return [GlobalAveragePool()] if module.output_size in (1, (1, 1)) else None


_VERSIONS: dict[type[nn.Module], Callable[[Any], list[Layer] | None]] = {
    nn.Linear: _linear,
    nn.Conv2d: _conv,
    nn.BatchNorm1d: _norm,
    nn.BatchNorm2d: _norm,
    nn.Hardtanh: _hardtanh,
    nn.MaxPool2d: _pool,
    nn.AdaptiveAvgPool2d: _mean,
    nn.Flatten: lambda module: [Flatten()],
    nn.Identity: lambda module: [],
}
