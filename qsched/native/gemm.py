"""Matrix products of small matrices that lie in cache.

``C[i, j] = sum_k A[i, k] B[k, j]``: a tile of C, some rows of one vector, stays in registers while
k runs. A is read number by number, so its strides are free; rows of B and C are contiguous and
padded to whole vectors.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import fill, fma, gather, load, spread, store, width

__all__ = ["gemm", "transpose"]


@compiled
def gemm(
    shape: Any, a: Any, a_at: int, strides: Any, b: Any, b_at: int, b_row: int, c: Any, c_at: int
) -> None:
    """Write C = A B.

    Args:
        shape: (m, n, k): C is [m, n] and A [m, k]; n is a multiple of the vector's length and the
            distance of C's rows.
        a: array that holds A.
        a_at: place of ``A[0, 0]``.
        strides: (distance of A's rows, distance of A's columns).
        b: array that holds B.
        b_at: place of ``B[0, 0]``.
        b_row: distance of B's rows.
        c: array that holds C.
        c_at: place of ``C[0, 0]``.
    """
    m, n, k = shape
    row, column = strides
    for j in range(0, n, width(c)):
        i = 0
        while i < m:
            left, at, to = m - i, a_at + i * row, c_at + i * n + j
            if left >= 6 and left != 8:
                _six(k, a, at, row, column, b, b_at + j, b_row, c, to, n)
                i += 6
            elif left >= 4:
                _four(k, a, at, row, column, b, b_at + j, b_row, c, to, n)
                i += 4
            else:
                _one(k, a, at, column, b, b_at + j, b_row, c, to)
                i += 1


@compiled
def _six(
    k: int,
    a: Any,
    at: int,
    row: int,
    column: int,
    b: Any,
    b_at: int,
    b_row: int,
    c: Any,
    to: int,
    n: int,
) -> None:
    c0 = c1 = c2 = c3 = c4 = c5 = fill(c, 0.0)
    for i in range(k):
        v, p = load(b, b_at + i * b_row), at + i * column
        c0 = fma(spread(a, p), v, c0)
        c1 = fma(spread(a, p + row), v, c1)
        c2 = fma(spread(a, p + 2 * row), v, c2)
        c3 = fma(spread(a, p + 3 * row), v, c3)
        c4 = fma(spread(a, p + 4 * row), v, c4)
        c5 = fma(spread(a, p + 5 * row), v, c5)
    store(c, to, c0)
    store(c, to + n, c1)
    store(c, to + 2 * n, c2)
    store(c, to + 3 * n, c3)
    store(c, to + 4 * n, c4)
    store(c, to + 5 * n, c5)


@compiled
def _four(
    k: int,
    a: Any,
    at: int,
    row: int,
    column: int,
    b: Any,
    b_at: int,
    b_row: int,
    c: Any,
    to: int,
    n: int,
) -> None:
    c0 = c1 = c2 = c3 = fill(c, 0.0)
    for i in range(k):
        v, p = load(b, b_at + i * b_row), at + i * column
        c0 = fma(spread(a, p), v, c0)
        c1 = fma(spread(a, p + row), v, c1)
        c2 = fma(spread(a, p + 2 * row), v, c2)
        c3 = fma(spread(a, p + 3 * row), v, c3)
    store(c, to, c0)
    store(c, to + n, c1)
    store(c, to + 2 * n, c2)
    store(c, to + 3 * n, c3)


@compiled
def _one(
    k: int, a: Any, at: int, column: int, b: Any, b_at: int, b_row: int, c: Any, to: int
) -> None:
    total = fill(c, 0.0)
    for i in range(k):
        total = fma(spread(a, at + i * column), load(b, b_at + i * b_row), total)
    store(c, to, total)


@compiled
def transpose(
    a: Any, a_at: int, a_row: int, b: Any, b_at: int, b_row: int, m: int, n: int
) -> None:
    """Write B = A^T for A [m, n], and 0 to what pads the rows of B, which are ``b_row`` long."""
    whole = m - m % width(b)
    for j in range(n):
        row = b_at + j * b_row
        for i in range(0, whole, width(b)):
            store(b, row + i, gather(a, a_at + i * a_row + j, a_row))
        for i in range(whole, m):
            b[row + i] = a[a_at + i * a_row + j]
        for i in range(m, b_row):
            b[row + i] = 0
