"""What one call of a model reaches, in which order, and which activations are functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.overrides import TorchFunctionMode

__all__ = ["FUNCTIONS", "Calls", "follow", "only_behind"]

FUNCTIONS = frozenset(
    {
        "celu",
        "elu",
        "gelu",
        "glu",
        "hardsigmoid",
        "hardswish",
        "hardtanh",
        "leaky_relu",
        "logsigmoid",
        "mish",
        "prelu",
        "relu",
        "relu6",
        "rrelu",
        "selu",
        "sigmoid",
        "silu",
        "softplus",
        "softsign",
        "tanh",
        "threshold",
    }
)
"""Names of activations that are functions, of ``torch``, its tensors, and ``nn.functional``."""


@dataclass
class Calls:
    """What one call of a model did.

    Attributes:
        order: when a module was called first, by identity.
        counts: how often, by identity.
        functions: how often a module itself called which function, by the module's name and it.
    """

    order: dict[int, int] = field(default_factory=dict)
    counts: Counter[int] = field(default_factory=Counter)
    functions: Counter[tuple[str, str]] = field(default_factory=Counter)


class _Functions(TorchFunctionMode):
    """Notes the activations that are called as functions."""

    def __init__(self, calls: Calls, owners: list[str | None]) -> None:
        super().__init__()
        self.calls, self.owners = calls, owners

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "").rstrip("_")
        owner = self.owners[-1]
        if name in FUNCTIONS and owner is not None:
            self.calls.functions[owner, name] += 1
        return func(*args, **(kwargs or {}))


def follow(model: nn.Module, leaves: Iterable[nn.Module], example: Any) -> Calls:
    """Call a model once, in evaluation, and return what it did.

    Args:
        model: a float model.
        leaves: modules whose inside is of no interest.
        example: a tensor, a tuple of arguments, or a dict of keywords.
    """
    calls, closed = Calls(), {id(module) for module in leaves}
    owners: list[str | None] = [""]
    training = {module: module.training for module in model.modules()}

    def enter(name: str, module: nn.Module) -> None:
        calls.order.setdefault(id(module), len(calls.order))
        calls.counts[id(module)] += 1
        hidden = id(module) in closed or owners[-1] is None
        owners.append(None if hidden else name)

    with ExitStack() as stack:
        for name, module in model.named_modules():
            stack.callback(
                module.register_forward_pre_hook(
                    lambda module, _, name=name: enter(name, module)
                ).remove
            )
            stack.callback(
                module.register_forward_hook(
                    lambda *_: owners.pop() and None, always_call=True
                ).remove
            )
        try:
            with torch.no_grad(), _Functions(calls, owners):
                model.eval()
                if isinstance(example, dict):
                    model(**example)
                else:
                    model(*(example if isinstance(example, tuple) else (example,)))
        finally:
            for module, mode in training.items():
                module.training = mode
    return calls


def only_behind(model: nn.Module, names: Iterable[str], last: str) -> set[str]:
    """Return which modules are called behind another one alone, as far as the code shows it.

    In an ``nn.Sequential`` that is their order; else the model is traced by torch.fx, and where
    that fails nothing is known, and none are returned.
    """
    chained = [name for name in names if _chained(model, name, last)]
    rest = [name for name in names if name not in chained]
    order = _traced(model) if rest else []
    if last not in order:
        return set(chained)
    before = set(order[: order.index(last)])
    return {*chained, *(name for name in rest if name in order and name not in before)}


def _chained(model: nn.Module, name: str, last: str) -> bool:
    """Return whether what two modules have in common is an ``nn.Sequential``."""
    one, other = name.split("."), last.split(".")
    shared = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return type(model.get_submodule(".".join(one[:shared]))) is nn.Sequential and _once(
        model, name
    )


def _once(model: nn.Module, name: str) -> bool:
    module = model.get_submodule(name)
    found = [other for _, other in model.named_modules(remove_duplicate=False) if other is module]
    return len(found) == 1


def _traced(model: nn.Module) -> list[str]:
    """Return the names of modules in the order of their calls; none if it cannot be traced."""
    try:
        graph = fx.Tracer().trace(model)
    except Exception:  # Whatever the user's forward raises on symbols.
        return []
    return [str(node.target) for node in graph.nodes if node.op == "call_module"]
