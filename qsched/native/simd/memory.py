"""Between memory and vectors."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from qsched.native.compiler import CHECKED, compiled
from qsched.native.simd.vector import INT32, INT64, Vector, broadcast, generated, llvm_type

__all__ = ["fill", "gather", "load", "spread", "store", "width"]


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


@generated
def width(typing: Any, array: Any) -> Any:
    """Return how many numbers of the array's type make a vector."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(INT64, kind.count)

    return types.intp(array), generate


@generated
def _load(typing: Any, array: Any, index: Any) -> Any:
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _address(context, builder, array, *args)
        pointer = builder.bitcast(pointer, llvm_type(kind).as_pointer())
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return kind(array, types.intp), generate


@generated
def _store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _address(context, builder, array, *args[:2])
        pointer = builder.bitcast(pointer, llvm_type(kind).as_pointer())
        builder.store(args[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, kind), generate


@generated
def _spread(typing: Any, array: Any, index: Any) -> Any:
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _address(context, builder, array, *args)
        value = builder.load(pointer, align=array.dtype.bitwidth // 8)
        return broadcast(builder, value, llvm_type(kind))

    return kind(array, types.intp), generate


@generated
def _gather(typing: Any, array: Any, index: Any, stride: Any) -> Any:
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector, at = ir.Constant(llvm_type(kind), ir.Undefined), args[1]
        for i in range(kind.count):
            pointer = _address(context, builder, array, args[0], at)
            value = builder.load(pointer, align=array.dtype.bitwidth // 8)
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


if CHECKED:

    @compiled
    def _check(array: Any, index: int, count: int) -> None:
        if index < 0 or index + count > array.size:
            raise IndexError("a vector must lie inside its array")

    @compiled
    def load(array: Any, index: int) -> Any:
        """Return the vector that starts at ``array[index]``."""
        _check(array, index, width(array))
        return _load(array, index)

    @compiled
    def store(array: Any, index: int, value: Any) -> None:
        """Write a vector from ``array[index]`` on."""
        _check(array, index, width(array))
        _store(array, index, value)

    @compiled
    def spread(array: Any, index: int) -> Any:
        """Return a vector with ``array[index]`` in all places."""
        _check(array, index, 1)
        return _spread(array, index)

    @compiled
    def gather(array: Any, index: int, stride: int) -> Any:
        """Return the vector of ``array[index]``, ``array[index + stride]``, ..."""
        _check(array, index, (width(array) - 1) * stride + 1)
        return _gather(array, index, stride)

else:
    load, store, spread, gather = _load, _store, _spread, _gather
