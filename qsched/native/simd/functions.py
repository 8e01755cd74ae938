"""Exponential and error function, and random numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from qsched.native.simd.vector import (
    AVX512,
    INT32,
    Vector,
    broadcast,
    call,
    constant,
    generated,
    integer_type,
    llvm_type,
)

__all__ = ["erf", "exp", "root", "uniform"]

LOG2_E = 1 / math.log(2)
# ln 2 in two parts: products of the first with integers are exact.
LN2_HIGH, LN2_LOW = 0.693359375, -2.121944400546905827679e-4
EXP_TERMS = {32: 7, 64: 14}
EXP_RANGE = {32: 87.0, 64: 708.0}

# exp(z^2) erfc(z) as a polynomial of 1 / (1 + 0.4 z) - 1/2, from 0 to where erf z rounds to 1:
# interpolated in Chebyshev's points by 60-digit arithmetic; errors 3e-9 and 2e-17.
ERF_SLOPE = 0.4
ERF_RANGE = {32: 4.0, 64: 6.0}
ERFCX = {
    32: (
        0.210806364,
        0.743473517,
        1.00685265,
        1.0002532,
        0.638802599,
        0.128335455,
        -0.172507845,
        -0.110207179,
        0.0852097663,
    ),
    64: (
        0.2108063640611436,
        0.7434734678979468,
        1.0068527728697978,
        1.0002644190305496,
        0.6387606252091985,
        0.1277984373327305,
        -0.16911142175077068,
        -0.11211718047550516,
        0.05846538783799404,
        0.065985259062239,
        -0.03500352874184234,
        -0.03812555298099208,
        0.03097008263916174,
        0.01882211227569282,
        -0.030127381027538685,
        -0.0014170938528012577,
        0.026218758828536755,
        -0.02104422576179285,
        0.00595643079649672,
    ),
}


def _polynomial(builder: Any, kind: Vector, x: Any, coefficients: Sequence[float]) -> Any:
    """Return c0 + c1 x + c2 x^2 + ... by Horner's scheme."""
    result = constant(kind, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        result = call(builder, "fma", kind, [result, x, constant(kind, c)])
    return result


def _exp(builder: Any, kind: Vector, x: Any) -> Any:
    """Return exp x = 2^n exp r with abs r <= ln 2 / 2, for arguments inside the range."""
    bits = kind.dtype.bitwidth
    mantissa, bias = (23, 127) if bits == 32 else (52, 1023)
    # Adding 1.5 * 2^mantissa leaves the rounded number in the low bits: no conversion to integers,
    # which would be undefined for NaN.
    magic = constant(kind, 1.5 * 2.0**mantissa)
    shifted = call(builder, "fma", kind, [x, constant(kind, LOG2_E), magic])
    n = builder.fsub(shifted, magic)
    r = call(builder, "fma", kind, [n, constant(kind, -LN2_HIGH), x])
    r = call(builder, "fma", kind, [n, constant(kind, -LN2_LOW), r])
    terms = [1 / math.factorial(i) for i in range(EXP_TERMS[bits])]
    integers = integer_type(kind)
    exponent = builder.bitcast(shifted, integers)
    exponent = builder.add(exponent, ir.Constant(integers, [bias] * kind.count))
    exponent = builder.shl(exponent, ir.Constant(integers, [mantissa] * kind.count))
    return builder.fmul(
        _polynomial(builder, kind, r, terms), builder.bitcast(exponent, llvm_type(kind))
    )


def _clip(builder: Any, kind: Vector, x: Any, low: float, high: float) -> Any:
    for relation, bound in (("<", low), (">", high)):
        edge = constant(kind, bound)
        x = builder.select(builder.fcmp_ordered(relation, x, edge), edge, x)
    return x


@generated
def exp(typing: Any, x: Any) -> Any:
    """Return exp x within 3 units in the last place; x is clipped at +-87 (float64: +-708)."""
    limit = EXP_RANGE[x.dtype.bitwidth]

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _exp(builder, x, _clip(builder, x, args[0], -limit, limit))

    return x(x), generate


@generated
def erf(typing: Any, x: Any) -> Any:
    """Return the error function within 4e-7 (float64: 6e-16)."""
    bits = x.dtype.bitwidth

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = constant(x, 1.0)
        z = _clip(builder, x, call(builder, "fabs", x, args), 0.0, ERF_RANGE[bits])
        t = builder.fdiv(one, call(builder, "fma", x, [z, constant(x, ERF_SLOPE), one]))
        scaled = _polynomial(builder, x, builder.fsub(t, constant(x, 0.5)), ERFCX[bits])
        tail = _exp(builder, x, builder.fneg(builder.fmul(z, z)))
        size = builder.fsub(one, builder.fmul(scaled, tail))
        return call(builder, "copysign", x, [size, args[0]])

    return x(x), generate


# Where the residual of a root of float32 neither overflows nor underflows: from 2^-100 to 2^127.
ROOT_LOW, ROOT_HIGH = (127 - 100) << 23, (127 + 127) << 23


@generated
def root(typing: Any, x: Any) -> Any:
    """Return the square root, correctly rounded, without the unit that divides, if possible.

    That unit takes 12 cycles a vector, and Adam needs it for a quotient as well. An estimate of
    the reciprocal root with 14 bits, improved once, gives the root to all but its last bit, and
    its residual that. Only for float32 with AVX-512; zeros come out as zeros, and where a number
    is out of the ordinary (tiny, huge, negative, NaN) the whole vector takes the usual way.

    Source: P. W. Markstein, "Computation of elementary functions on the IBM RISC System/6000
    processor", IBM Journal of Research and Development 34 (1990).
    """

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if not (AVX512 and x.dtype.bitwidth == 32):
            return call(builder, "sqrt", x, args)
        with builder.if_else(_is_ordinary(builder, x, args[0]), likely=True) as (then, other):
            with then:
                refined, end_refined = _refined_root(builder, x, args[0]), builder.block
            with other:
                divided, end_divided = call(builder, "sqrt", x, args), builder.block
        result = builder.phi(llvm_type(x))
        result.add_incoming(refined, end_refined)
        result.add_incoming(divided, end_divided)
        return result

    return x(x), generate


def _is_ordinary(builder: Any, kind: Vector, x: Any) -> Any:
    """Return whether all numbers are 0 or in the range of roots."""
    integers, flags = integer_type(kind), ir.IntType(kind.count)
    above = builder.sub(
        builder.bitcast(x, integers), ir.Constant(integers, [ROOT_LOW] * kind.count)
    )
    span = ir.Constant(integers, [ROOT_HIGH - ROOT_LOW] * kind.count)
    outside = builder.icmp_unsigned(">=", above, span)
    outside = builder.and_(outside, builder.fcmp_unordered("!=", x, constant(kind, 0.0)))
    return builder.icmp_unsigned("==", builder.bitcast(outside, flags), ir.Constant(flags, 0))


def _refined_root(builder: Any, kind: Vector, x: Any) -> Any:
    """Return the root where all numbers are ordinary."""
    type_, flags = llvm_type(kind), ir.IntType(kind.count)
    declared = ir.FunctionType(type_, [type_, type_, flags])
    estimate = cgutils.get_or_insert_function(
        builder.module, declared, "llvm.x86.avx512.rsqrt14.ps.512"
    )
    zero, half = constant(kind, 0.0), constant(kind, 0.5)
    reciprocal = builder.call(estimate, [x, zero, ir.Constant(flags, -1)])
    near, slope = builder.fmul(x, reciprocal), builder.fmul(reciprocal, half)
    error = call(builder, "fma", kind, [builder.fneg(near), slope, half])
    near = call(builder, "fma", kind, [near, error, near])
    slope = call(builder, "fma", kind, [slope, error, slope])
    residual = call(builder, "fma", kind, [builder.fneg(near), near, x])
    result = call(builder, "fma", kind, [slope, residual, near])
    return builder.select(builder.fcmp_ordered("==", x, zero), x, result)


FIRST_FACTOR, SECOND_FACTOR = 0x7FEB352D, 0x846CA68B
PLACE_FACTOR = 0x7F4A7C15


@generated
def uniform(typing: Any, array: Any, place: Any, stride: Any, first: Any, second: Any) -> Any:
    """Return numbers in [0, 1) for the places ``place``, ``place + stride``, ...

    The same numbers as :func:`qsched.lanes.streams.uniform` with the key (first, second).
    """
    kind = Vector(array.dtype)
    integers = ir.VectorType(INT32, kind.count)

    def number(value: int) -> Any:
        return ir.Constant(integers, [value] * kind.count)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        start, step, low, high = (broadcast(builder, value, integers) for value in args[1:])
        count = ir.Constant(integers, list(range(kind.count)))
        h = builder.add(start, builder.mul(step, count))
        h = builder.xor(builder.mul(h, number(PLACE_FACTOR)), low)
        h = builder.xor(h, builder.lshr(h, number(16)))
        h = builder.xor(builder.mul(h, number(FIRST_FACTOR)), high)
        h = builder.xor(h, builder.lshr(h, number(15)))
        h = builder.mul(h, number(SECOND_FACTOR))
        h = builder.xor(h, builder.lshr(h, number(16)))
        value = builder.sitofp(builder.and_(h, number(0xFFFFFF)), llvm_type(kind))
        return builder.fmul(value, constant(kind, 2.0**-24))

    return kind(array, types.int32, types.int32, types.int32, types.int32), generate
