"""From a converted model of one's own to a hard network, by torch.fx."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.fx.proxy import TraceError

from qsched import __version__
from qsched.attach.hard import HardConv2d, HardLayer, HardLinear, HardStair
from qsched.deploy.inputs import INPUT_BITS, input_of
from qsched.deploy.integer import integer_network
from qsched.deploy.records import (
    AvgPool,
    Conv,
    Flatten,
    HardNetwork,
    Layer,
    Linear,
    MaxPool,
    Metadata,
    Norm,
    Stair,
)
from qsched.deploy.weights import fixed_point, scales
from qsched.errors import InputError

__all__ = ["trace"]


def trace(
    model: nn.Module, example_input: Tensor | np.ndarray, *, input_bits: int = INPUT_BITS
) -> HardNetwork:
    """Return the hard network of a model that was converted by :func:`qsched.convert`.

    The model must be a chain: layers with hard weights, batch normalization, stairs, pooling,
    flattening, and a classifier, which may be a plain ``nn.Linear``: its weights are rounded to 16
    bits. Dropout and identities are left out.

    Args:
        model: what ``qsched.convert`` returned.
        example_input: examples [N, ...] that span the range of inputs; what lies beyond is
            clipped later.
        input_bits: inputs are rounded to so many, 2 to 16.

    Raises:
        InputError: the model is not a chain, or holds what cannot be deployed; the message names
            every such layer.
    """
    x = torch.as_tensor(example_input).detach().float()
    spec = input_of(x.cpu().numpy(), input_bits)
    steps = _chain(model)
    shapes = _shapes(model, x[:1], steps)
    found = _Reader(max(-spec.low, spec.high))
    for (name, what), shape in zip(steps, shapes, strict=True):
        found.read(name, what, shape)
    if found.faults:
        raise InputError("\n".join(found.faults))
    network = HardNetwork(spec, tuple(found.layers), Metadata(version=__version__))
    integer_network(network)
    return network


class _Tracer(fx.Tracer):
    """Keeps hard layers whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        hard = isinstance(m, HardLayer | HardStair)
        return hard or super().is_leaf_module(m, module_qualified_name)


Step = tuple[str, nn.Module | str]


def _chain(model: nn.Module) -> list[Step]:
    """Return the modules of a chain in order; a string stands for a function."""
    try:
        graph = _Tracer().trace(model.eval())
    except (TraceError, TypeError) as error:
        raise InputError(
            f"a model must be traceable to be deployed, but: {error}; "
            "take decisions on data out of its forward pass"
        ) from error
    steps: list[Step] = []
    previous: fx.Node | None = None
    for node in graph.nodes:
        if node.op == "placeholder":
            if previous is not None:
                raise InputError(f"a model must have one input, but `{node.name}` is another")
        elif node.op == "output":
            _follows(node, previous)
            break
        elif node.op == "get_attr":
            raise InputError(f"a model must be a chain of layers, but reads `{node.target}`")
        else:
            _follows(node, previous)
            steps.append((_name(node), _target(model, node)))
        previous = node
    return steps


def _follows(node: fx.Node, previous: fx.Node | None) -> None:
    """Check that a node reads the one before it, and nothing else."""
    read = node.all_input_nodes
    if previous is None or read != [previous]:
        names = " and ".join(f"`{_name(found)}`" for found in read) or "nothing"
        raise InputError(
            f"a model must be a chain to be deployed, but `{_name(node)}` reads {names}; "
            "skips and branches cannot be deployed"
        )
    if len(previous.users) > 1:
        names = " and ".join(f"`{_name(user)}`" for user in previous.users)
        raise InputError(
            f"a model must be a chain to be deployed, but `{_name(previous)}` is read by {names}; "
            "skips and branches cannot be deployed"
        )


def _name(node: fx.Node) -> str:
    return str(node.target) if node.op == "call_module" else node.name


FLATTENING: tuple[Callable[..., Any] | str, ...] = (torch.flatten, "flatten")


def _target(model: nn.Module, node: fx.Node) -> nn.Module | str:
    if node.op == "call_module":
        return model.get_submodule(str(node.target))
    arguments = [*node.args[1:], *node.kwargs.values()]
    if node.target in FLATTENING and arguments in ([1], [1, -1]):
        return "flatten"
    if node.target == "view" and len(arguments) == 2 and arguments[1] == -1:
        return "flatten"
    kinds = {operator.add: "an addition", torch.relu: "a ReLU", "relu": "a ReLU"}
    what = kinds.get(node.target, f"the operation `{node.name}`")
    raise InputError(
        f"a chain of layers can be deployed, but `{node.name}` is {what}; write it as a module "
        "that qsched.quantize finds, or leave it out"
    )


def _shapes(model: nn.Module, x: Tensor, steps: list[Step]) -> list[tuple[int, ...]]:
    """Return the shape of one example before each step."""
    shapes = []
    like = next((t.dtype for t in model.buffers() if t.is_floating_point()), x.dtype)
    device = next((t.device for t in model.buffers()), x.device)
    x = x.to(device, like)
    with torch.no_grad():
        for _, what in steps:
            shapes.append(tuple(x.shape[1:]))
            x = x.flatten(1) if isinstance(what, str) else what(x)
    return shapes


class _Reader:
    """Turns modules into layers, and collects what cannot be turned."""

    def __init__(self, largest: int) -> None:
        self.layers: list[Layer] = []
        self.faults: list[str] = []
        self.largest = largest
        self.classifier: str | None = None

    def read(self, name: str, what: nn.Module | str, shape: tuple[int, ...]) -> None:
        if self.classifier is not None and not isinstance(what, nn.Identity | nn.Dropout):
            self.fault(
                self.classifier,
                "has weights in full precision, and only the last layer may; quantize it",
            )
            self.classifier = None
        match what:
            case str() | nn.Flatten():
                if len(shape) > 1:
                    self.layers.append(Flatten(name))
            case HardLinear() | HardConv2d():
                self.weighted(name, what)
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                self.norm(name, what)
            case HardStair():
                self.stair(name, what)
            case nn.MaxPool2d() | nn.AvgPool2d() | nn.AdaptiveAvgPool2d():
                self.pool(name, what, shape)
            case nn.Linear():
                self.float_linear(name, what)
            case nn.Identity() | nn.Dropout() | nn.Dropout2d():
                return
            case nn.Conv2d() | nn.Conv1d():
                self.fault(name, "has weights in full precision; quantize it, then convert")
            case _:
                self.fault(name, f"is a {type(what).__name__}, which has no integer form here")

    def fault(self, name: str, message: str) -> None:
        self.faults.append(f"`{name}` {message}")

    def weighted(self, name: str, module: HardLinear | HardConv2d) -> None:
        levels = _array(module.levels).astype(np.int64)
        scale = np.broadcast_to(_array(module.scale).reshape(-1), (len(levels),)).astype(float)
        bias = None if module.bias is None else _array(module.bias).astype(float)
        common = (name, levels, scale.copy(), bias)
        if isinstance(module, HardLinear):
            self.layers.append(Linear(*common))
            return
        if isinstance(module.padding, str) or module.dilation != (1, 1):
            self.fault(
                name, "has padding by name or dilation; give padding as a number, no dilation"
            )
            return
        (sh, sw), (ph, pw) = module.stride, module.padding
        self.layers.append(Conv(*common, (sh, sw), (ph, pw), module.groups))

    def norm(self, name: str, module: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        if module.running_mean is None or module.running_var is None:
            self.fault(name, "has no running statistics; set track_running_stats")
            return
        channels = len(module.running_mean)
        self.layers.append(
            Norm(
                name,
                _array(module.running_mean).astype(float),
                _array(module.running_var).astype(float),
                np.ones(channels) if not module.affine else _array(module.weight).astype(float),
                np.zeros(channels) if not module.affine else _array(module.bias).astype(float),
                float(module.eps),
            )
        )

    def stair(self, name: str, module: HardStair) -> None:
        levels = _array(module.levels).astype(np.int64)
        self.largest = int(np.abs(levels).max())
        thresholds = _array(module.thresholds).astype(float)
        self.layers.append(Stair(name, thresholds, levels, float(module.quantum)))

    def pool(
        self,
        name: str,
        module: nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d,
        shape: tuple[int, ...],
    ) -> None:
        if isinstance(module, nn.AdaptiveAvgPool2d):
            if _pair(module.output_size) != (1, 1):
                self.fault(name, "pools to more than one pixel; use AvgPool2d")
                return
            size = (shape[1], shape[2])
            self.largest *= size[0] * size[1]
            self.layers.append(AvgPool(name, size, size))
            return
        size, stride = _pair(module.kernel_size), _pair(module.stride)
        dilated = isinstance(module, nn.MaxPool2d) and _pair(module.dilation) != (1, 1)
        divisor = isinstance(module, nn.AvgPool2d) and module.divisor_override is not None
        if _pair(module.padding) != (0, 0) or module.ceil_mode or dilated or divisor:
            self.fault(
                name, "pools with padding, dilation, ceil_mode or a divisor; leave these out"
            )
        elif isinstance(module, nn.MaxPool2d):
            self.layers.append(MaxPool(name, size, stride))
        else:
            self.largest *= size[0] * size[1]
            self.layers.append(AvgPool(name, size, stride))

    def float_linear(self, name: str, module: nn.Linear) -> None:
        levels, scale = fixed_point(_array(module.weight).astype(float), self.largest)
        bias = None if module.bias is None else _array(module.bias).astype(float)
        self.layers.append(Linear(name, levels, scales(scale, len(levels)), bias))
        self.classifier = name


def _array(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.detach().cpu().numpy()
    return array


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
