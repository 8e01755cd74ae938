"""Whether what a file says of a layer is what a layer is; arithmetic would go on with anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qsched.deploy.records import Conv, Input, Layer, Linear, Norm, Stair

__all__ = ["check_input", "check_layer"]


def check_input(spec: Input) -> None:
    """Check how inputs become integers.

    Raises:
        TypeError: a field is of another type, or out of range.
    """
    sides = spec.shape and all(_is_count(side) for side in spec.shape)
    power = _is_positive(spec.step) and np.frexp(spec.step)[0] == 0.5
    bounds = type(spec.low) is int and type(spec.high) is int and spec.low <= 0 < spec.high
    if not (sides and power and bounds):
        raise TypeError(f"an input has a shape, a power of two and two integers, but is {spec}")


def check_layer(layer: Layer) -> None:
    """Check the fields of a layer.

    Raises:
        TypeError: a field is of another type or shape, or not finite.
    """
    if not isinstance(layer.name, str):
        raise TypeError(f"the name of a layer must be text, but is {layer.name!r}")
    for field, (fits, wanted) in _FIELDS.items():
        value = getattr(layer, field, _LACKING)
        if value is not _LACKING and not fits(value):
            raise TypeError(f"{field} of `{layer.name}` must be {wanted}, but is {_shown(value)}")
    for field, shape in _shapes(layer):
        value = getattr(layer, field)
        if value is not None and value.shape != shape:
            raise TypeError(
                f"{field} of `{layer.name}` must have the shape {shape}, but has {value.shape}"
            )


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_positive(value: Any) -> bool:
    return isinstance(value, float) and 0 < value < np.inf


def _is_pair(value: Any, least: int) -> bool:
    pair = isinstance(value, tuple | list) and len(value) == 2
    return pair and all(type(n) is int and n >= least for n in value)


def _is_array(value: Any, kind: type) -> bool:
    right = isinstance(value, np.ndarray) and np.issubdtype(value.dtype, kind)
    return right and bool(np.isfinite(value).all())


def _is_finite(value: Any) -> bool:
    return _is_array(value, np.floating)


_LACKING = object()
_NUMBERS = _is_finite, "an array of finite numbers"
_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "levels": (lambda value: _is_array(value, np.integer), "an array of integers"),
    "scale": _NUMBERS,
    "bias": (lambda value: value is None or _is_finite(value), "an array of finite numbers"),
    "mean": _NUMBERS,
    "variance": _NUMBERS,
    "shift": _NUMBERS,
    "thresholds": _NUMBERS,
    "eps": (_is_positive, "a number > 0"),
    "quantum": (_is_positive, "a number > 0"),
    "groups": (_is_count, "an integer >= 1"),
    "size": (lambda value: _is_pair(value, 1), "two integers >= 1"),
    "stride": (lambda value: _is_pair(value, 1), "two integers >= 1"),
    "padding": (lambda value: _is_pair(value, 0), "two integers >= 0"),
}


def _shapes(layer: Layer) -> list[tuple[str, tuple[int, ...]]]:
    """Return which shapes arrays must have, given that of the first one."""
    match layer:
        case Linear() | Conv():
            axes = 2 if isinstance(layer, Linear) else 4
            if layer.levels.ndim != axes:
                raise TypeError(f"levels of `{layer.name}` must have {axes} axes")
            return [(field, layer.levels.shape[:1]) for field in ("scale", "bias")]
        case Norm():
            return [
                (field, (layer.mean.size,)) for field in ("mean", "variance", "scale", "shift")
            ]
        case Stair():
            return [
                ("thresholds", (layer.thresholds.size,)),
                ("levels", (layer.thresholds.size + 1,)),
            ]
    return []


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        found = "" if np.isfinite(value).all() else " with NaN or infinity"
        return f"an array of {value.dtype}{found}"
    return repr(value)
