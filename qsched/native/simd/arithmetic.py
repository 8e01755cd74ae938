"""Arithmetic and selection, number by number, and what a vector sums up to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from qsched.native.compiler import compiled
from qsched.native.simd.vector import INT32, call, generated

__all__ = [
    "absolute",
    "floor",
    "fma",
    "largest",
    "maximum",
    "minimum",
    "nan_else",
    "select_ge",
    "select_gt",
    "select_inside",
    "sqrt",
    "total",
]


@generated
def fma(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x y + z, rounded once."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return call(builder, "fma", x, args)

    return x(x, x, x), generate


def _unary(name: str, text: str) -> Any:
    def function(typing: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return call(builder, name, x, args)

        return x(x), generate

    function.__name__, function.__doc__ = name, text
    return generated(function)


absolute = _unary("fabs", "Return abs x.")
sqrt = _unary("sqrt", "Return the square root.")
floor = _unary("floor", "Return the largest integer not above x.")


def _selection(name: str, relation: str, text: str) -> Any:
    def function(typing: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            truth = builder.fcmp_ordered(relation, args[0], args[1])
            return builder.select(truth, args[2], args[3])

        return a(a, a, a, a), generate

    function.__name__, function.__doc__ = name, text
    return generated(function)


select_ge = _selection("select_ge", ">=", "Return ``yes`` where a >= b, else ``no``.")
select_gt = _selection("select_gt", ">", "Return ``yes`` where a > b, else ``no``.")


@generated
def select_inside(typing: Any, a: Any, low: Any, b: Any, high: Any, yes: Any, no: Any) -> Any:
    """Return ``yes`` where a >= low and b < high, else ``no``."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, low, b, high, yes, no = args
        begun, ended = builder.fcmp_ordered(">=", a, low), builder.fcmp_ordered("<", b, high)
        return builder.select(builder.and_(begun, ended), yes, no)

    return a(a, a, a, a, a, a), generate


@generated
def nan_else(typing: Any, x: Any, y: Any) -> Any:
    """Return x where it is NaN, else y."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_unordered("uno", args[0], args[0]), args[0], args[1])

    return x(x, x), generate


@compiled
def maximum(x: Any, bound: Any) -> Any:
    """Return the larger one; NaN where x is NaN."""
    return select_gt(bound, x, bound, x)


@compiled
def minimum(x: Any, bound: Any) -> Any:
    """Return the smaller one; NaN where x is NaN."""
    return select_gt(x, bound, bound, x)


def _reduced(builder: Any, kind: Any, x: Any, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine the halves of a vector number by number until one is left."""
    count = kind.count
    while count > 1:
        count //= 2
        low, high = (
            builder.shuffle_vector(x, x, ir.Constant(ir.VectorType(INT32, count), list(places)))
            for places in (range(count), range(count, 2 * count))
        )
        x = combine(low, high)
    return builder.extract_element(x, ir.Constant(INT32, 0))


@generated
def total(typing: Any, x: Any) -> Any:
    """Return the sum of a vector's numbers: halves are added to each other until one is left."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _reduced(builder, x, args[0], builder.fadd)

    return x.dtype(x), generate


@generated
def largest(typing: Any, x: Any) -> Any:
    """Return the largest of a vector's numbers; any of them if one is NaN."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def larger(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", a, b), a, b)

        return _reduced(builder, x, args[0], larger)

    return x.dtype(x), generate
