"""Families of noise, for vectors: what :mod:`qsched.quantizers.noise` has as formulas.

Sigmoids F(z) - 1/2 and bumps, the density in units of its norm, at w = z / unit of the family.
"""

from __future__ import annotations

from typing import Any

from qsched.levels import UNITS
from qsched.native.compiler import compiled
from qsched.native.names import NOISE
from qsched.native.simd import absolute, erf, exp, maximum, minimum, select_ge

__all__ = [
    "LOGISTIC",
    "NORMAL",
    "NORMS",
    "TRIANGULAR",
    "UNIFORM",
    "WIDTHS",
    "logistic_bump",
    "logistic_sigmoid",
    "normal_bump",
    "normal_sigmoid",
    "sigmoid_of",
    "triangular_bump",
    "triangular_sigmoid",
    "uniform_bump",
    "uniform_sigmoid",
]

UNIFORM, TRIANGULAR, NORMAL, LOGISTIC = (
    NOISE.index(name) for name in ("uniform", "triangular", "normal", "logistic")
)
WIDTHS = tuple(float(UNITS[name].width) for name in NOISE)
NORMS = tuple(float(UNITS[name].norm) for name in NOISE)


@compiled
def uniform_sigmoid(w: Any, one: Any) -> Any:
    half = one * 0.5
    return maximum(minimum(w, half), 0.0 - half)


@compiled
def triangular_sigmoid(w: Any, one: Any) -> Any:
    v = maximum(minimum(w, one), 0.0 - one)
    return v - v * absolute(v) * 0.5


@compiled
def normal_sigmoid(w: Any, one: Any) -> Any:
    return erf(w) * 0.5


@compiled
def logistic_sigmoid(w: Any, one: Any) -> Any:
    return one / (exp(0.0 - w) + one) - 0.5


@compiled
def uniform_bump(w: Any, one: Any) -> Any:
    half, zero = one * 0.5, one - one
    return select_ge(w, 0.0 - half, one, zero) - select_ge(w, half, one, zero)


@compiled
def triangular_bump(w: Any, one: Any) -> Any:
    return one - minimum(absolute(w), one)


@compiled
def normal_bump(w: Any, one: Any) -> Any:
    return exp(0.0 - w * w)


@compiled
def logistic_bump(w: Any, one: Any) -> Any:
    y = one / (exp(0.0 - w) + one)
    return y - y * y


@compiled
def sigmoid_of(w: Any, family: int, one: Any) -> Any:
    """Return the sigmoid of a family that is known only when code runs."""
    if family == UNIFORM:
        return uniform_sigmoid(w, one)
    if family == TRIANGULAR:
        return triangular_sigmoid(w, one)
    if family == NORMAL:
        return normal_sigmoid(w, one)
    return logistic_sigmoid(w, one)
