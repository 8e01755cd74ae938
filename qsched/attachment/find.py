"""Which modules of a model can be quantized, in which order, and why others cannot."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized

from qsched.attachment.calls import Calls, follow
from qsched.attachment.layers import QUANTIZED
from qsched.attachment.quantizer import Quantizer
from qsched.errors import InputError, nearest
from qsched.schedules.places import Role

__all__ = ["ACTIVATIONS", "UNREACHED", "Found", "find", "match"]

ACTIVATIONS: tuple[type[nn.Module], ...] = (
    nn.CELU,
    nn.ELU,
    nn.GELU,
    nn.Hardswish,
    nn.Hardtanh,
    nn.LeakyReLU,
    nn.Mish,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
    nn.Softplus,
    nn.Softsign,
    nn.Tanh,
)
"""Activations that a stair function replaces; gates such as Sigmoid are left as they are."""


@dataclass(frozen=True)
class Found:
    """A module with weights, or an activation.

    Attributes:
        name: its (first) name in the model.
        module: itself.
        role: what of it is to be quantized.
        reason: why it cannot be; empty if it can.
        calls: how often the example calls it; 0 if that is unknown.
        kind: its class, in words.
    """

    name: str
    module: nn.Module
    role: Role
    reason: str = ""
    calls: int = 0
    kind: str = ""


def find(
    model: nn.Module, activations: Sequence[type[nn.Module]], example: Any = None
) -> list[Found]:
    """Return all modules with weights and all activations of a model, in order.

    Modules that may be activations, but are none of ``activations``, are returned with a reason.
    So are activations that are functions, where an example shows them.

    Args:
        model: a float model.
        activations: classes that count as activations, by exact type.
        example: arguments of one call of the model (a tensor, a tuple, or a dict of keywords).
            With it, the order is that of the first calls; without it, that of definition.

    Raises:
        InputError: the model has quantizers, or layers without a shape.
    """
    lazy = [n for n, p in model.named_parameters() if isinstance(p, UninitializedParameter)]
    if lazy:
        names = ", ".join(f"`{name}`" for name in lazy)
        raise InputError(
            f"layers must have their weights to be quantized, but {names} of lazy layers have no "
            "shape yet; call the model once before quantizing it"
        )
    if any(isinstance(module, Quantizer) for module in model.modules()):
        raise InputError("the model is quantized already; quantize a float model")
    fast = _children_of(model, nn.TransformerEncoderLayer)
    owners = Counter(id(parameter) for module in model.modules() for _, parameter in _own(module))
    found = []
    for name, module in model.named_modules():
        if type(module) in activations:
            found.append(Found(name, module, "activations", _bypassed(module, fast)))
        elif _weighty(module):
            reason = _bypassed(module, fast) or _unfit(module, owners)
            found.append(Found(name, module, "weights", reason))
        elif name and _may_activate(module):
            found.append(Found(name, module, "activations", _UNKNOWN))
    found = [replace(entry, kind=type(entry.module).__name__) for entry in found]
    if example is None:
        return found
    calls = follow(model, [entry.module for entry in found], example)
    order = calls.order
    reached = sorted(found, key=lambda entry: order.get(id(entry.module), len(order)))
    return [*(_called(entry, calls) for entry in reached), *_functions(model, calls)]


UNREACHED = "the example does not reach it"
_UNKNOWN = "not among the activations to replace; if it is one, add its class to activations="


def _may_activate(module: nn.Module) -> bool:
    """Return whether a module may be an activation: one of torch, or a leaf of another class."""
    home = type(module).__module__
    if home == nn.ReLU.__module__:
        return True
    leaf = not any(True for _ in module.children()) and not _own(module)
    return leaf and not home.startswith("torch.")


def match(patterns: Iterable[str], names: Sequence[str], what: str) -> dict[str, str]:
    """Return for each name that some pattern matches in full the last such pattern.

    Raises:
        InputError: a pattern is no regular expression, or matches no name; with all faults.
    """
    chosen: dict[str, str] = {}
    faults = []
    for pattern in patterns:
        try:
            hits = [name for name in names if re.fullmatch(pattern, name)]
        except re.error as error:
            faults.append(f"`{pattern}` in {what} is not a regular expression: {error}")
            continue
        if not hits:
            hint = nearest(pattern.replace("\\", ""), names)
            faults.append(
                f"`{pattern}` in {what} must match the name of a layer or activation in full, "
                f"but it matches none; {hint}"
            )
        chosen.update(dict.fromkeys(hits, pattern))
    if faults:
        raise InputError("\n".join(faults))
    return chosen


def _own(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return list(module.named_parameters(recurse=False))


def _weighty(module: nn.Module) -> bool:
    """Return whether a module multiplies by weights: matrices, not scales and shifts."""
    if isinstance(module, ParametrizationList):
        return False
    matrices = any(parameter.dim() > 1 for _, parameter in _own(module))
    return matrices or is_parametrized(module, "weight")


def _unfit(module: nn.Module, owners: Counter[int]) -> str:
    if type(module) not in QUANTIZED:
        return f"{type(module).__name__} has no quantized version"
    own = dict(_own(module))
    if "weight" not in own:
        return "its weight is not a parameter of its own"
    if own["weight"].numel() == 0:
        return "it has no weights yet; call the model once before"
    if owners[id(own["weight"])] > 1:
        return "another module shares its weight"
    if getattr(module, "padding_mode", "zeros") != "zeros":
        return f"its padding mode is {module.padding_mode}"
    return ""


def _children_of(model: nn.Module, kind: type[nn.Module]) -> set[int]:
    return {
        id(child)
        for module in model.modules()
        if isinstance(module, kind)
        for child in module.children()
    }


def _bypassed(module: nn.Module, fast: set[int]) -> str:
    if id(module) in fast:
        return "nn.TransformerEncoderLayer reads its weights past it in evaluation"
    return ""


def _called(entry: Found, calls: Calls) -> Found:
    count = calls.counts[id(entry.module)]
    if entry.reason or count:
        return replace(entry, calls=count)
    return replace(entry, reason=UNREACHED)


def _functions(model: nn.Module, calls: Calls) -> Iterator[Found]:
    """Yield the activations that are functions: no module stands for them."""
    for (owner, name), count in calls.functions.items():
        inside = f"{owner}." if owner else ""
        yield Found(
            f"{inside}{name}()",
            model.get_submodule(owner),
            "activations",
            "a function; write it as a module to quantize it",
            count,
            kind="function",
        )
