"""Between memory and vectors."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from qsched.native.compiler import compiled
from qsched.native.simd.dense import address, load_vector, pointer, vector_address
from qsched.native.simd.vector import INT32, INT64, Vector, broadcast, generated, llvm_type

__all__ = [
    "clear",
    "copy",
    "fill",
    "gather",
    "load",
    "prefetch",
    "spread",
    "store",
    "transpose_square",
    "width",
]


@generated
def width(typing: Any, array: Any) -> Any:
    """Return how many numbers of the array's type make a vector."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(INT64, kind.count)

    return types.intp(array), generate


@generated
def load(typing: Any, array: Any, index: Any) -> Any:
    """Return the vector that starts at ``array[index]``."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return load_vector(context, builder, array, *args)

    return kind(array, types.intp), generate


@generated
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Fetch the cache line of ``array[index]`` into the second cache; it may lie anywhere."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        declared = ir.FunctionType(ir.VoidType(), [byte, INT32, INT32, INT32])
        function = cgutils.get_or_insert_function(builder.module, declared, "llvm.prefetch.p0i8")
        place = builder.bitcast(pointer(context, builder, array, *args), byte)
        # To read, the second of three caches, data.
        builder.call(function, [place, *(ir.Constant(INT32, i) for i in (0, 2, 1))])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@generated
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a vector from ``array[index]`` on."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = vector_address(context, builder, array, *args[:2])
        builder.store(args[2], place, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, kind), generate


@generated
def spread(typing: Any, array: Any, index: Any) -> Any:
    """Return a vector with ``array[index]`` in all places."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = address(context, builder, array, *args)
        value = builder.load(place, align=array.dtype.bitwidth // 8)
        return broadcast(builder, value, llvm_type(kind))

    return kind(array, types.intp), generate


@generated
def gather(typing: Any, array: Any, index: Any, stride: Any) -> Any:
    """Return the vector of ``array[index]``, ``array[index + stride]``, ..."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector, at = ir.Constant(llvm_type(kind), ir.Undefined), args[1]
        for i in range(kind.count):
            place = address(context, builder, array, args[0], at)
            value = builder.load(place, align=array.dtype.bitwidth // 8)
            vector = builder.insert_element(vector, value, ir.Constant(INT32, i))
            at = builder.add(at, args[2])
        return vector

    return kind(array, types.intp, types.intp), generate


@generated
def fill(typing: Any, array: Any, value: Any) -> Any:
    """Return a vector of the array's type with ``value`` in all places."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return broadcast(builder, args[1], llvm_type(kind))

    return kind(array, array.dtype), generate


@generated
def transpose_square(
    typing: Any, a: Any, at: Any, row: Any, b: Any, to: Any, target_row: Any
) -> Any:
    """Write a square, as many rows as a vector is long, transposed.

    Args:
        typing: of Numba, given by it.
        a: array that holds the square.
        at: place of its first number.
        row: distance of its rows.
        b: array to write to.
        to: place of its first number there.
        target_row: distance of rows there.
    """
    count, size = Vector(a.dtype).count, a.dtype.bitwidth // 8

    def line(context: Any, builder: Any, kind: Any, array: Any, *where: Any) -> Any:
        start, step, i = where
        index = builder.add(start, builder.mul(step, ir.Constant(INT64, i)))
        return vector_address(context, builder, kind, array, index)

    def merge(builder: Any, x: Any, y: Any, first: int) -> Any:
        """Interleave the halves of two vectors that begin at ``first``."""
        places = [i + half for i in range(first, first + count // 2) for half in (0, count)]
        mask = ir.Constant(ir.VectorType(INT32, count), places)
        return builder.shuffle_vector(x, y, mask)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        places = [line(context, builder, a, args[0], *args[1:3], i) for i in range(count)]
        rows = [builder.load(place, align=size) for place in places]
        half = count // 2
        # Each round moves one bit of a number's place in its row to its row's number.
        for _ in range(count.bit_length() - 1):
            pairs = list(zip(rows[:half], rows[half:], strict=True))
            rows = [merge(builder, x, y, first) for x, y in pairs for first in (0, half)]
        for i, value in enumerate(rows):
            place = line(context, builder, b, args[3], *args[4:], i)
            builder.store(value, place, align=size)
        return context.get_dummy_value()

    return types.void(a, types.intp, types.intp, b, types.intp, types.intp), generate


@compiled
def copy(source: Any, at: int, target: Any, to: int, count: int) -> None:
    """Copy ``count`` numbers from ``source[at]`` on to ``target[to]`` and what follows."""
    last = count - width(target)
    if last < 0:
        for i in range(count):
            target[to + i] = source[at + i]
        return
    for i in range(0, last, width(target)):
        store(target, to + i, load(source, at + i))
    store(target, to + last, load(source, at + last))  # What is left of a vector, and before it.


@compiled
def clear(array: Any, at: int, count: int) -> None:
    """Set ``count`` numbers from ``array[at]`` on to 0."""
    whole, zero = count - count % width(array), fill(array, 0.0)
    for i in range(at, at + whole, width(array)):
        store(array, i, zero)
    for i in range(at + whole, at + count):
        array[i] = 0
