"""Private callees: what only one entry point calls is compiled for it alone.

Numba links the functions that a function calls such that others may call them, too. They keep the
calling convention of Numba then, seven words an array, though a callee needs the first number's
place at most. Where they are private, LLVM drops arguments that are not used, and makes a function
with one caller a part of it; that is less to compile, too.

It takes private names of Numba, like :mod:`qsched.native.simd`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from llvmlite import binding
from numba.core import codegen
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

__all__ = ["private_callees"]

WRAPPER = "_ZN7cpython"
"""How the name begins of what Python calls: only an entry point has it."""


class _Library(codegen.JITCodeLibrary):  # type: ignore[misc]
    """A function with all that it calls, before it is optimized as a whole."""

    def _optimize_final_module(self) -> None:
        functions = [fn for fn in self._final_module.functions if not fn.is_declaration]
        if any(fn.name.startswith(WRAPPER) for fn in functions):
            for function in functions:
                # Not `internal`: a loader would take equal names in two modules for one function.
                if function.linkage == binding.Linkage.linkonce_odr:
                    function.linkage = binding.Linkage.private
        super()._optimize_final_module()


@contextmanager
def private_callees() -> Iterator[None]:
    """Make the callees of entry points that are compiled meanwhile private to them."""
    with global_compiler_lock:
        generator = cpu_target.target_context.codegen()
        generator.create_library = partial(_Library, generator)
        try:
            yield
        finally:
            del generator.create_library
