"""A dense array: where its numbers begin, and its shape.

Compiled code hands an array on word by word in each call: seven words for one of Numba's own with
one dimension, two for a dense one. Indices are never negative, so nothing is computed to allow for
that.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import lower_builtin, lower_getattr, models, register_model

from qsched.native.compiler import CHECKED
from qsched.native.simd.vector import INT64, Vector, generated, llvm_type

__all__ = ["address", "dense", "load_vector", "pointer", "vector_address"]

OUTSIDE = "what is read or written must lie inside its array"


class Dense(types.Type):  # type: ignore[misc]
    """The type of a dense array of ``ndim`` dimensions.

    ``len`` is the length of the first, and with one dimension ``size``, too. ``a[i]`` is a number
    or a row, itself dense; ``a[i, j]`` a number.
    """

    def __init__(self, dtype: Any, ndim: int) -> None:
        self.dtype, self.ndim = dtype, ndim
        super().__init__(name=f"Dense({dtype}, {ndim})")


@register_model(Dense)
class _DenseModel(models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Dense) -> None:
        shape = types.UniTuple(types.intp, kind.ndim)
        super().__init__(manager, kind, [("data", types.CPointer(kind.dtype)), ("shape", shape)])


def address(context: Any, builder: Any, kind: Any, array: Any, index: Any, count: int = 1) -> Any:
    """Return the pointer to ``count`` numbers of an array of one dimension, Numba's or dense.

    In debug mode IndexError is raised where they do not lie inside the array.
    """
    view = _view(context, builder, kind, array)
    if CHECKED:
        _check(context, builder, index, count, builder.extract_value(view.shape, 0))
    return builder.gep(view.data, [index])


def vector_address(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Return the pointer to a vector in an array; checked as by :func:`address`."""
    vector = Vector(kind.dtype)
    place = address(context, builder, kind, array, index, vector.count)
    return builder.bitcast(place, llvm_type(vector).as_pointer())


def load_vector(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Return the vector that starts at an index of an array, aligned or not."""
    place = vector_address(context, builder, kind, array, index)
    return builder.load(place, align=kind.dtype.bitwidth // 8)


def pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    """Return the pointer to a number that may lie anywhere, since it is not read."""
    return builder.gep(_view(context, builder, kind, array).data, [index])


def _view(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Return an array as a structure that has ``data`` and ``shape``."""
    if isinstance(kind, Dense):
        return cgutils.create_struct_proxy(kind)(context, builder, array)
    return context.make_array(kind)(context, builder, array)


def _check(context: Any, builder: Any, index: Any, count: int, size: Any) -> None:
    end = builder.add(index, ir.Constant(INT64, count))
    low = builder.icmp_signed("<", index, ir.Constant(INT64, 0))
    outside = builder.or_(low, builder.icmp_signed(">", end, size))
    with builder.if_then(outside, likely=False):
        context.call_conv.return_user_exc(builder, IndexError, (OUTSIDE,))


def _item(array: Any, index: Any) -> tuple[Any, Any] | None:
    """Return the types of what lies at an index, and of the index; None where it is no index."""
    if not isinstance(array, Dense):
        return None
    depth = len(index) if isinstance(index, types.BaseTuple) else 1
    kind = array.dtype if depth == array.ndim else Dense(array.dtype, array.ndim - depth)
    return kind, types.intp if depth == 1 else types.UniTuple(types.intp, depth)


@infer_global(operator.getitem)
class _Get(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        item = _item(*args)
        return None if item is None else signature(item[0], args[0], item[1])


@infer_global(operator.setitem)
class _Set(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        item = _item(*args[:2])
        return None if item is None else signature(types.none, args[0], item[1], item[0])


@infer_global(len)
class _Len(AbstractTemplate):  # type: ignore[misc]
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.intp, *args) if isinstance(args[0], Dense) else None


def _place(context: Any, builder: Any, sig: Any, args: Any) -> tuple[Any, list[Any]]:
    """Return the pointer to what lies at an index, and its shape."""
    view = _view(context, builder, sig.args[0], args[0])
    lengths = cgutils.unpack_tuple(builder, view.shape)
    alone = not isinstance(sig.args[1], types.BaseTuple)
    indices = [args[1]] if alone else cgutils.unpack_tuple(builder, args[1])
    place: Any = ir.Constant(INT64, 0)
    for axis, length in enumerate(lengths):
        place = builder.mul(place, length)
        if axis < len(indices):
            if CHECKED:
                _check(context, builder, indices[axis], 1, length)
            place = builder.add(place, indices[axis])
    return builder.gep(view.data, [place]), lengths[len(indices) :]


@lower_builtin(operator.getitem, Dense, types.Any)  # type: ignore[untyped-decorator]
def _get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place, shape = _place(context, builder, sig, args)
    if not shape:
        return context.unpack_value(builder, sig.return_type, place)
    return _make(context, builder, sig.return_type, place, shape)


@lower_builtin(operator.setitem, Dense, types.Any, types.Any)  # type: ignore[untyped-decorator]
def _set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    place, _ = _place(context, builder, sig, args)
    context.pack_value(builder, sig.args[2], args[2], place)
    return context.get_dummy_value()


@lower_builtin(len, Dense)  # type: ignore[untyped-decorator]
def _len(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.extract_value(_view(context, builder, sig.args[0], args[0]).shape, 0)


@infer_getattr
class _Attributes(AttributeTemplate):  # type: ignore[misc]
    key = Dense

    def resolve_size(self, array: Any) -> Any:
        return types.intp if array.ndim == 1 else None


@lower_getattr(Dense, "size")  # type: ignore[untyped-decorator]
def _size(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return builder.extract_value(_view(context, builder, kind, array).shape, 0)


def _make(context: Any, builder: Any, kind: Dense, data: Any, shape: list[Any]) -> Any:
    value = ir.Constant(context.get_value_type(kind), ir.Undefined)
    value = builder.insert_value(value, data, 0)
    return builder.insert_value(value, cgutils.pack_array(builder, shape, INT64), 1)


@generated
def dense(typing: Any, group: Any) -> Any:
    """Return a named tuple with dense arrays in place of Numba's, which must be C-contiguous."""
    arrays = [kind for kind in group.types if isinstance(kind, types.Array)]
    if any(kind.layout != "C" for kind in arrays):
        raise TypingError("dense arrays are C-contiguous; use numpy.ascontiguousarray")
    kinds = [Dense(kind.dtype, kind.ndim) if kind in arrays else kind for kind in group.types]
    result = types.NamedTuple(kinds, group.instance_class)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        members = []
        for i, (kind, new) in enumerate(zip(group.types, kinds, strict=True)):
            member = builder.extract_value(args[0], i)
            if new != kind:
                view = _view(context, builder, kind, member)
                shape = cgutils.unpack_tuple(builder, view.shape)
                member = _make(context, builder, new, view.data, shape)
            members.append(member)
        return context.make_tuple(builder, result, members)

    return result(group), generate
