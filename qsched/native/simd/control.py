"""How the processor treats denormal numbers."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from qsched.native.simd.vector import INT32, generated

__all__ = ["flush_denormals", "restore_denormals"]

X86 = platform.machine().lower() in ("x86_64", "amd64")
FLUSH = 0x8040  # flush to zero, denormals are zero
BYTE_POINTER = ir.PointerType(ir.IntType(8))


def _control(builder: Any, name: str, slot: Any) -> None:
    declared = ir.FunctionType(ir.VoidType(), [BYTE_POINTER])
    function = cgutils.get_or_insert_function(builder.module, declared, f"llvm.x86.sse.{name}")
    builder.call(function, [builder.bitcast(slot, BYTE_POINTER)])


@generated
def flush_denormals(typing: Any) -> Any:
    """Treat denormal numbers as 0 in this thread; return what to restore. Only on x86."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if not X86:
            return ir.Constant(INT32, 0)
        slot = cgutils.alloca_once(builder, INT32)
        _control(builder, "stmxcsr", slot)
        before = builder.load(slot)
        builder.store(builder.or_(before, ir.Constant(INT32, FLUSH)), slot)
        _control(builder, "ldmxcsr", slot)
        return before

    return types.int32(), generate


@generated
def restore_denormals(typing: Any, before: Any) -> Any:
    """Undo :func:`flush_denormals`."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if X86:
            slot = cgutils.alloca_once(builder, INT32)
            builder.store(args[0], slot)
            _control(builder, "ldmxcsr", slot)
        return context.get_dummy_value()

    return types.void(types.int32), generate
