"""From a converted model of one's own to a hard network, by torch.fx."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from qsched import __version__
from qsched.attachment.find import ACTIVATIONS
from qsched.attachment.hard import (
    HardConv1d,
    HardConv2d,
    HardConvTranspose1d,
    HardConvTranspose2d,
    HardLayer,
    HardLinear,
    HardStair,
)
from qsched.deploy.functions import Rows, is_size, modules_of
from qsched.deploy.inputs import INPUT_BITS, input_of
from qsched.deploy.integer import RESERVED, integer_network
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
from qsched.deploy.reference import KEPT, Trained, module_logits, reference
from qsched.deploy.weights import fixed_point, scales
from qsched.errors import InputError

__all__ = ["trace"]


def trace(
    model: nn.Module, example_input: Tensor | np.ndarray, *, input_bits: int = INPUT_BITS
) -> HardNetwork:
    """Return the hard network of a model that was converted by :func:`qsched.convert`.

    The model must be a chain: layers with hard weights, batch normalization, stairs, pooling,
    flattening, and a classifier, which may be a plain ``nn.Linear``: its weights are rounded to 16
    bits. Dropout and identities are left out. Layers are named as their modules; the second call
    of a module `r` is the layer `r.2`. The network keeps what the model says of the first
    examples, and :func:`qsched.deploy.verify` compares it with the integers.

    Args:
        model: what ``qsched.convert`` returned.
        example_input: examples [N, ...] that span the range of inputs; what lies beyond is
            clipped later.
        input_bits: inputs are rounded to so many, 2 to 16.

    Raises:
        InputError: the model is not a chain, or holds what cannot be deployed; the message names
            every such layer.
    """
    x = torch.as_tensor(example_input).detach().cpu().float()
    spec = input_of(x.numpy(), input_bits)
    steps = _chain(model)
    shapes = _shapes(model, x[:1], steps)
    found = _Reader(max(-spec.low, spec.high))
    for (name, what), shape in zip(steps, shapes, strict=True):
        found.read(name, what, shape)
    if found.faults:
        raise InputError("\n".join(found.faults))
    network = HardNetwork(spec, tuple(found.layers), Metadata(version=__version__))
    integer_network(network)
    trained = Trained(partial(module_logits, model), found.classifier is not None)
    return replace(network, reference=reference(network, trained, x[:KEPT].numpy(), keep=True))


class _Tracer(fx.Tracer):
    """Keeps hard layers whole."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        hard = isinstance(m, HardLayer | HardStair)
        return hard or super().is_leaf_module(m, module_qualified_name)


Step = tuple[str, nn.Module]


def _chain(model: nn.Module) -> list[Step]:
    """Return the modules of a chain in order, and those that its functions stand for."""
    try:
        graph = _Tracer().trace(model.eval())
    except Exception as error:  # Whatever the user's forward raises on symbols.
        raise InputError(
            f"a model must be traceable by torch.fx to be deployed, but: {error}; "
            "take decisions on data out of its forward pass"
        ) from error
    steps: list[Step] = []
    previous: fx.Node | None = None
    for node in graph.nodes:
        if is_size(node):
            continue
        if node.op == "placeholder":
            if previous is not None and node.users:
                raise InputError(
                    f"a model must have one input, but `{node.name}` is another; deploy the part "
                    "that reads one"
                )
            if previous is not None:
                continue
        elif node.op == "output":
            _follows(node, previous)
            break
        elif node.op == "get_attr":
            raise InputError(
                f"a model must be a chain of layers, but reads `{node.target}`; leave it out, or "
                "put it into a layer"
            )
        else:
            _follows(node, previous)
            steps += [(_name(node), module) for module in _modules(model, node)]
        previous = node
    return _numbered(steps)


def _numbered(steps: list[Step]) -> list[Step]:
    """Tell calls apart: the second one of a module `r` is `r.2`."""
    used, found = set(RESERVED), []
    for name, what in steps:
        fresh = itertools.chain([name], (f"{name}.{i}" for i in itertools.count(2)))
        unique = next(other for other in fresh if other not in used)
        used.add(unique)
        found.append((unique, what))
    return found


def _follows(node: fx.Node, previous: fx.Node | None) -> None:
    """Check that a node reads the one before it, and nothing else."""
    read = [found for found in node.all_input_nodes if not is_size(found)]
    if previous is None or read != [previous]:
        raise InputError(_branch([node], f"`{_name(node)}` reads {_names(read) or 'nothing'}"))
    users = [user for user in previous.users if not is_size(user)]
    if len(users) > 1:
        raise InputError(_branch(users, f"`{_name(previous)}` is read by {_names(users)}"))


def _branch(nodes: Sequence[fx.Node], found: str) -> str:
    """Return the message about a model that is no chain."""
    sums = [node for node in nodes if getattr(node.target, "__name__", node.target) in _SUMS]
    skip = "".join(f": `{_name(node)}` adds a skip, as residual blocks do" for node in sums[:1])
    return (
        f"a model must be a chain to be deployed, but {found}{skip}; skips and branches cannot be "
        "deployed: train a network without them, such as vgg8, cnn9 or tnn96"
    )


_SUMS = ("add", "iadd", "add_")


def _names(nodes: Iterable[fx.Node]) -> str:
    return " and ".join(f"`{_name(node)}`" for node in nodes)


def _name(node: fx.Node) -> str:
    return str(node.target) if node.op == "call_module" else node.name


def _modules(model: nn.Module, node: fx.Node) -> Sequence[nn.Module]:
    if node.op == "call_module":
        return [model.get_submodule(str(node.target))]
    found = modules_of(node)
    if found is not None:
        return found
    name = str(getattr(node.target, "__name__", node.target))
    if name in _ACTIVATIONS:
        raise InputError(
            f"activations must be quantized to be deployed, but `{node.name}` is the function "
            f"{name}, which qsched.quantize does not see; write it as a module, such as "
            f"nn.{_ACTIVATIONS[name]}(), and train again"
        )
    raise InputError(
        f"a chain of layers can be deployed, but `{node.name}` is the operation {name}; leave it "
        "out, or write it as a module that is deployed: pooling, flattening, batch normalization"
    )


_ACTIVATIONS = {
    "relu": "ReLU",
    "relu_": "ReLU",
    "relu6": "ReLU6",
    "gelu": "GELU",
    "silu": "SiLU",
    "tanh": "Tanh",
    "hardtanh": "Hardtanh",
    "leaky_relu": "LeakyReLU",
    "elu": "ELU",
    "hardswish": "Hardswish",
}


def _shapes(model: nn.Module, x: Tensor, steps: list[Step]) -> list[tuple[int, ...]]:
    """Return the shape of one example before each step."""
    shapes = []
    like = next((t.dtype for t in model.buffers() if t.is_floating_point()), x.dtype)
    device = next((t.device for t in model.buffers()), x.device)
    x = x.to(device, like)
    with torch.no_grad():
        for name, what in steps:
            shapes.append(tuple(x.shape[1:]))
            try:
                x = what(x)
            except RuntimeError as error:
                raise InputError(
                    f"the example inputs must be what the model reads, but `{name}` gets a shape "
                    f"of {shapes[-1]}: {str(error).splitlines()[0]}; give inputs as in training"
                ) from error
            if isinstance(what, Rows) and x.shape[1:] != (what.features,):
                raise InputError(
                    f"`{name}` must make one row of each example, but makes rows of "
                    f"{what.features} of the shape {shapes[-1]}; write it as x.flatten(1)"
                )
    return shapes


class _Reader:
    """Turns modules into layers, and collects what cannot be turned."""

    def __init__(self, largest: int) -> None:
        self.layers: list[Layer] = []
        self.faults: list[str] = []
        self.largest = largest
        self.classifier: str | None = None

    def read(self, name: str, what: nn.Module, shape: tuple[int, ...]) -> None:
        if self.classifier is not None and not isinstance(what, nn.Identity | nn.Dropout):
            self.fault(
                self.classifier,
                "has weights in full precision, and only the last layer may; quantize it",
            )
            self.classifier = None
        match what:
            case nn.Flatten():
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
                fix = next((text for kinds, text in _REMEDIES if isinstance(what, kinds)), _LEAVE)
                kind = type(what).__name__
                self.fault(name, f"is a {kind}, which has no integer form here; {fix}")

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
        padding = _padding(module)
        if padding is None or module.dilation != (1, 1):
            self.fault(
                name,
                'has dilation, or padding="same" of an even kernel, which is not the same on both '
                "sides; use odd kernels without dilation",
            )
            return
        (sh, sw), (ph, pw) = module.stride, padding
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


def _padding(module: HardConv2d) -> tuple[int, int] | None:
    """Return the padding on either side; None if the sides differ."""
    if not isinstance(module.padding, str):
        return _pair(module.padding)
    height, width = module.kernel_size
    if module.padding == "valid":
        return (0, 0)
    return (height // 2, width // 2) if height % 2 and width % 2 else None


_LEAVE = "leave it out, or take a layer that has one: see docs/accelerators.md"
_REMEDIES: tuple[tuple[tuple[type[nn.Module], ...], str], ...] = (
    (ACTIVATIONS, "quantize activations, too: by the precision, and by the schedule"),
    ((nn.Softmax, nn.LogSoftmax), "leave it out: the largest logit stays the largest"),
    (
        (nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d, nn.InstanceNorm1d),
        "use batch normalization, whose statistics are fixed after training",
    ),
    ((HardConv1d,), "use Conv2d on images of height 1"),
    ((HardConvTranspose1d, HardConvTranspose2d), "use Conv2d"),
)


def _array(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.detach().cpu().numpy()
    return array


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
