"""Which modules of a model can be quantized, in which order, and why others cannot."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized

from qsched.attach.layers import QUANTIZED
from qsched.attach.quantizer import Quantizer
from qsched.errors import InputError, nearest
from qsched.schedules.places import Role

__all__ = ["ACTIVATIONS", "Found", "find", "match"]

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
    """

    name: str
    module: nn.Module
    role: Role
    reason: str = ""


def find(
    model: nn.Module, activations: Sequence[type[nn.Module]], example: Any = None
) -> list[Found]:
    """Return all modules with weights and all activations of a model, in order.

    Args:
        model: a float model.
        activations: classes that count as activations, by exact type.
        example: arguments of one call of the model (a tensor, a tuple, or a dict of keywords).
            With it, the order is that of the first calls; without it, that of definition.

    Raises:
        InputError: the model has quantizers.
    """
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
    if example is None:
        return found
    calls = _calls(model, [entry.module for entry in found], example)
    reached = sorted(found, key=lambda entry: calls.get(id(entry.module), len(calls)))
    return [_called(entry, calls) for entry in reached]


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


def _called(entry: Found, calls: dict[int, int]) -> Found:
    if entry.reason or id(entry.module) in calls:
        return entry
    return Found(entry.name, entry.module, entry.role, "the example does not reach it")


def _calls(model: nn.Module, modules: list[nn.Module], example: Any) -> dict[int, int]:
    """Return in which order modules are called first, by identity."""
    order: dict[int, int] = {}

    def note(module: nn.Module, *_: Any) -> None:
        order.setdefault(id(module), len(order))

    hooks = [module.register_forward_pre_hook(note) for module in modules]
    training = model.training
    try:
        with torch.no_grad():
            model.eval()
            if isinstance(example, dict):
                model(**example)
            else:
                model(*(example if isinstance(example, tuple) else (example,)))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return order
