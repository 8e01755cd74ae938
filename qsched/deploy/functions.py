"""Functions in a traced forward pass, as the modules that compute the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import fx, nn

__all__ = ["Rows", "is_size", "modules_of"]

VIEWS = ("view", "reshape")


def is_size(node: fx.Node) -> bool:
    """Return whether a node reads nothing but the shape of a tensor."""
    if node.op == "call_method":
        return node.target == "size"
    if node.op != "call_function":
        return False
    name, first = getattr(node.target, "__name__", ""), node.args[0]
    if name == "getattr":
        return node.args[1] == "shape"
    return name in ("getitem", "len") and isinstance(first, fx.Node) and is_size(first)


def modules_of(node: fx.Node) -> Sequence[nn.Module] | None:
    """Return the modules that stand for a call of a function or a method; None if none do.

    Known are flattening (``flatten``, ``view`` and ``reshape`` to one row an example), max and
    mean pooling of ``torch.nn.functional``, the mean over all pixels, and dropout in evaluation.
    """
    name = str(node.target if node.op == "call_method" else getattr(node.target, "__name__", ""))
    if name in VIEWS:
        return _view(list(node.args[1:]))
    found = _FUNCTIONS.get(name)
    if found is None:
        return None
    names, make = found
    values = dict(zip(names, node.args[1:], strict=False)) | dict(node.kwargs)
    return make(values)


class Rows(nn.Flatten):
    """Flattening that must give so many features."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features


def _view(sizes: list[Any]) -> Sequence[nn.Module] | None:
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = list(sizes[0])
    if len(sizes) != 2:
        return None
    rows, columns = sizes
    if isinstance(rows, fx.Node) and _is_batch(rows) and columns == -1:
        return [nn.Flatten()]
    if (rows == -1 or (isinstance(rows, fx.Node) and _is_batch(rows))) and isinstance(
        columns, int
    ):
        return [Rows(columns)]
    return None


def _is_batch(node: fx.Node) -> bool:
    """Return whether a node is the number of examples."""
    return is_size(node) and node.args[1:] == (0,)


def _flatten(values: dict[str, Any]) -> Sequence[nn.Module] | None:
    whole = values.get("start_dim") == 1 and values.get("end_dim", -1) == -1
    return [nn.Flatten()] if whole else None


def _mean(values: dict[str, Any]) -> Sequence[nn.Module] | None:
    axes = values.get("dim")
    pixels = isinstance(axes, tuple | list) and sorted(a % 4 for a in axes) == [2, 3]
    if not pixels or values.get("dtype") is not None:
        return None
    pool = nn.AdaptiveAvgPool2d(1)
    return [pool] if values.get("keepdim") else [pool, nn.Flatten()]


def _max_pool(values: dict[str, Any]) -> Sequence[nn.Module]:
    return [nn.MaxPool2d(**values)]


def _avg_pool(values: dict[str, Any]) -> Sequence[nn.Module]:
    return [nn.AvgPool2d(**values)]


def _adaptive(values: dict[str, Any]) -> Sequence[nn.Module]:
    return [nn.AdaptiveAvgPool2d(**values)]


def _dropout(values: dict[str, Any]) -> Sequence[nn.Module] | None:
    return None if values.get("training", True) else [nn.Identity()]


Make = Callable[[dict[str, Any]], Sequence[nn.Module] | None]

_DROPOUT: tuple[tuple[str, ...], Make] = (("p", "training", "inplace"), _dropout)
_FUNCTIONS: dict[str, tuple[tuple[str, ...], Make]] = {
    "flatten": (("start_dim", "end_dim"), _flatten),
    "mean": (("dim", "keepdim"), _mean),
    "max_pool2d": (
        ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
        _max_pool,
    ),
    "avg_pool2d": (
        (
            "kernel_size",
            "stride",
            "padding",
            "ceil_mode",
            "count_include_pad",
            "divisor_override",
        ),
        _avg_pool,
    ),
    "adaptive_avg_pool2d": (("output_size",), _adaptive),
    "dropout": _DROPOUT,
    "dropout2d": _DROPOUT,
}
