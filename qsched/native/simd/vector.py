"""The type of a vector, its operators, and how code for vectors is generated."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

__all__ = [
    "AVX512",
    "BYTES",
    "INT32",
    "INT64",
    "Vector",
    "broadcast",
    "call",
    "constant",
    "generated",
    "integer_type",
    "llvm_type",
]

INT32, INT64 = ir.IntType(32), ir.IntType(64)

BYTES = 64
"""Size of a vector."""

AVX512 = config.CPU_NAME is None and bool(binding.get_host_cpu_features().get("avx512f"))
"""Whether there are 32 registers of that size, and instructions for them."""


def generated(function: Callable[..., Any]) -> Any:
    """Make a function that Numba compiles by the returned generator of code."""
    return intrinsic(function)


class Vector(types.Type):  # type: ignore[misc]
    """The type of a vector of ``dtype``: ``count`` numbers."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.count = dtype, 8 * BYTES // dtype.bitwidth
        super().__init__(name=f"Vector({dtype})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, llvm_type(kind))


def llvm_type(kind: Vector) -> Any:
    element = ir.FloatType() if kind.dtype.bitwidth == 32 else ir.DoubleType()
    return ir.VectorType(element, kind.count)


def integer_type(kind: Vector) -> Any:
    return ir.VectorType(ir.IntType(kind.dtype.bitwidth), kind.count)


def constant(kind: Vector, value: float) -> Any:
    rounded = float(np.float32(value)) if kind.dtype.bitwidth == 32 else value
    return ir.Constant(llvm_type(kind), [rounded] * kind.count)


def broadcast(builder: Any, value: Any, type_: Any) -> Any:
    undefined = ir.Constant(type_, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(INT32, 0))
    zeros = ir.Constant(ir.VectorType(INT32, type_.count), [0] * type_.count)
    return builder.shuffle_vector(first, undefined, zeros)


def call(builder: Any, name: str, kind: Vector, args: Sequence[Any]) -> Any:
    """Call LLVM's own function ``name`` on vectors."""
    type_ = llvm_type(kind)
    full = f"llvm.{name}.v{kind.count}f{kind.dtype.bitwidth}"
    declared = ir.FunctionType(type_, [type_] * len(args))
    return builder.call(cgutils.get_or_insert_function(builder.module, declared, full), args)


def _operator(function: Any, instruction: str) -> None:
    @infer_global(function)
    class _Typing(AbstractTemplate):  # type: ignore[misc]
        key = function

        def generic(self, args: Any, kws: Any) -> Any:
            left, right = args
            if isinstance(left, Vector):
                other = left if isinstance(right, Vector) else left.dtype
                return signature(left, left, other)
            if isinstance(right, Vector):
                return signature(right, right.dtype, right)
            return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        operands = [
            value
            if isinstance(kind, Vector)
            else broadcast(builder, value, llvm_type(sig.return_type))
            for kind, value in zip(sig.args, args, strict=True)
        ]
        return getattr(builder, instruction)(*operands)

    for pair in ((Vector, Vector), (Vector, types.Float), (types.Float, Vector)):
        lower_builtin(function, *pair)(lower)


for _function, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_function, _instruction)
