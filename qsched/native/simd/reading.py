"""How numbers are read: as they are, or normalized on the way.

A loop over columns of vectors asks :func:`column` what reading takes in a column, and hands that
to :func:`read` for each of its vectors. How it is read is decided when code is compiled.
"""

from __future__ import annotations

from typing import Any

from numba import types

from qsched.native.simd.dense import load_vector
from qsched.native.simd.vector import Vector, call, generated

__all__ = ["column", "read"]


@generated
def column(typing: Any, source: Any, c: Any) -> Any:
    """Return what reading takes in the column of vectors that begins at ``c``.

    Args:
        typing: of Numba, given by it.
        source: pairs of an array and the place in it where the numbers for all columns begin:
            none, or a and b, or m, r, s and t of :func:`read`.
        c: which column.
    """
    kinds = [Vector(pair[0].dtype) for pair in source]
    result = types.Tuple(kinds)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vectors = []
        for i, pair in enumerate(source):
            array, start = (builder.extract_value(args[0], (i, part)) for part in (0, 1))
            index = builder.add(start, args[1])
            vectors.append(load_vector(context, builder, pair[0], array, index))
        return context.make_tuple(builder, result, vectors)

    return result(source, types.intp), generate


@generated
def read(typing: Any, array: Any, index: Any, column: Any) -> Any:
    """Return the vector x that starts at ``array[index]``, or x a + b, or (x - m) r s + t."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = load_vector(context, builder, array, *args[:2])
        if not len(column):
            return value
        *normal, slope, offset = (builder.extract_value(args[2], i) for i in range(len(column)))
        if normal:
            value = builder.fmul(builder.fsub(value, normal[0]), normal[1])
        return call(builder, "fma", kind, [value, slope, offset])

    return kind(array, types.intp, column), generate
