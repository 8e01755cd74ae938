"""A vector type for compiled code: 64 bytes, that is 16 float32 or 8 float64.

This package is the one place that knows Numba's internals. Loops over plain scalars are vectorized
by the compiler only now and then, and never in the order wanted here; with this type, code says
what is in a register. LLVM maps a vector to what the machine has (4 x NEON, 2 x AVX2, 1 x
AVX-512). Since the length is fixed and fused multiply-adds are explicit, sums are taken in one
order on all machines.

Operators ``+ - * /`` take two vectors, or a vector and a scalar. Comparisons are ordered: with a
NaN they are false.

Memory is read and written anywhere in a one-dimensional array, Numba's own or a dense one
(:mod:`qsched.native.simd.dense`), aligned or not, and **without checks** unless
:data:`qsched.native.compiler.CHECKED`, when an access beyond the array raises IndexError.
"""

from qsched.native.simd.arithmetic import (
    absolute,
    floor,
    fma,
    largest,
    maximum,
    minimum,
    nan_else,
    select_ge,
    select_gt,
    select_inside,
    sqrt,
    total,
)
from qsched.native.simd.control import flush_denormals, restore_denormals
from qsched.native.simd.dense import dense
from qsched.native.simd.functions import erf, exp, root, uniform
from qsched.native.simd.memory import (
    clear,
    copy,
    fill,
    gather,
    load,
    prefetch,
    spread,
    store,
    transpose_square,
    width,
)
from qsched.native.simd.reading import column, read
from qsched.native.simd.tile import (
    ROWS,
    VECTORS,
    add_products,
    equal_steps,
    load_tile,
    store_tile,
    table_steps,
    tile_rows,
    zero_tile,
)
from qsched.native.simd.vector import BYTES

__all__ = [
    "BYTES",
    "ROWS",
    "VECTORS",
    "absolute",
    "add_products",
    "clear",
    "column",
    "copy",
    "dense",
    "equal_steps",
    "erf",
    "exp",
    "fill",
    "floor",
    "flush_denormals",
    "fma",
    "gather",
    "largest",
    "load",
    "load_tile",
    "maximum",
    "minimum",
    "nan_else",
    "prefetch",
    "read",
    "restore_denormals",
    "root",
    "select_ge",
    "select_gt",
    "select_inside",
    "spread",
    "sqrt",
    "store",
    "store_tile",
    "table_steps",
    "tile_rows",
    "total",
    "transpose_square",
    "uniform",
    "width",
    "zero_tile",
]
