"""Matrix products of small matrices that lie in cache.

A tile of C, some rows of one or two vectors, stays in registers while the sum runs: with as many
sums either way, since with fewer an addition would wait for the one before. A is read number by
number; rows of all matrices are contiguous, those of B and C padded to whole vectors.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import (
    ROWS,
    VECTORS,
    add_products,
    equal_steps,
    store_tile,
    tile_rows,
    transpose_square,
    width,
    zero_tile,
)

__all__ = ["gemm", "gemm_transposed", "transpose"]


@compiled
def gemm(
    shape: Any, a: Any, a_at: int, a_row: int, b: Any, b_at: int, b_row: int, c: Any, c_at: int
) -> None:
    """Write C = A B: ``C[i, j] = sum_k A[i, k] B[k, j]``.

    Args:
        shape: (m, n, k): C is [m, n] and A [m, k]; n is a multiple of the vector's length and the
            distance of C's rows.
        a: array that holds A.
        a_at: place of ``A[0, 0]``.
        a_row: distance of A's rows.
        b: array that holds B.
        b_at: place of ``B[0, 0]``.
        b_row: distance of B's rows.
        c: array that holds C.
        c_at: place of ``C[0, 0]``.
    """
    m, n, k = shape
    j = 0
    while j < n:
        if VECTORS > 1 and n - j > width(c):
            _wide(m, k, a, a_at, a_row, b, b_at + j, b_row, c, c_at + j, n)
            j += VECTORS * width(c)
        else:
            _narrow(m, k, a, a_at, a_row, b, b_at + j, b_row, c, c_at + j, n)
            j += width(c)


@compiled
def gemm_transposed(
    shape: Any, a: Any, a_at: int, a_row: int, b: Any, b_at: int, b_row: int, c: Any, c_at: int
) -> None:
    """Write C = A^T B: ``C[i, j] = sum_k A[k, i] B[k, j]``; A is [k, m], others as before."""
    m, n, k = shape
    j = 0
    while j < n:
        if VECTORS > 1 and n - j > width(c):
            _wide_transposed(m, k, a, a_at, a_row, b, b_at + j, b_row, c, c_at + j, n)
            j += VECTORS * width(c)
        else:
            _narrow_transposed(m, k, a, a_at, a_row, b, b_at + j, b_row, c, c_at + j, n)
            j += width(c)


def _tile_of(rows: int, vectors: int, transposed: bool) -> Any:
    """Return the loop for tiles of one shape."""

    @compiled
    def product(
        k: int, a: Any, at: int, row: int, b: Any, b_at: int, b_row: int, c: Any, to: int, n: int
    ) -> None:
        tile = zero_tile(c, rows, vectors)
        starts = equal_steps(tile, at, row)
        for i in range(k):
            tile = add_products(tile, a, starts, i, b, b_at + i * b_row)
        store_tile(tile, c, equal_steps(tile, to, n))

    @compiled
    def transposed_product(
        k: int, a: Any, at: int, row: int, b: Any, b_at: int, b_row: int, c: Any, to: int, n: int
    ) -> None:
        tile = zero_tile(c, rows, vectors)
        starts = equal_steps(tile, at, 1)
        for i in range(k):
            tile = add_products(tile, a, starts, i * row, b, b_at + i * b_row)
        store_tile(tile, c, equal_steps(tile, to, n))

    return transposed_product if transposed else product


def _strip_of(vectors: int, transposed: bool) -> Any:
    """Return the function for some vectors of all rows of C."""
    tall = ROWS * VECTORS // vectors
    many, four, one = (_tile_of(rows, vectors, transposed) for rows in (ROWS, 4, 1))
    tallest = _tile_of(tall, vectors, transposed) if tall > ROWS else many

    @compiled
    def strip(
        m: int,
        k: int,
        a: Any,
        at: int,
        row: int,
        b: Any,
        b_at: int,
        b_row: int,
        c: Any,
        to: int,
        n: int,
    ) -> None:
        i = 0
        while i < m:
            rows = tall if tall > ROWS and m - i >= tall else tile_rows(m - i)
            first, target = at + i * (1 if transposed else row), to + i * n
            if tall > ROWS and rows == tall:
                tallest(k, a, first, row, b, b_at, b_row, c, target, n)
            elif rows == ROWS:
                many(k, a, first, row, b, b_at, b_row, c, target, n)
            elif rows == 4:
                four(k, a, first, row, b, b_at, b_row, c, target, n)
            else:
                one(k, a, first, row, b, b_at, b_row, c, target, n)
            i += rows

    return strip


_narrow, _wide = _strip_of(1, False), _strip_of(VECTORS, False)
_narrow_transposed, _wide_transposed = _strip_of(1, True), _strip_of(VECTORS, True)


@compiled
def transpose(
    a: Any, a_at: int, a_row: int, b: Any, b_at: int, b_row: int, m: int, n: int
) -> None:
    """Write B = A^T for A [m, n], and 0 to what pads the rows of B, which are ``b_row`` long.

    Rows of A are padded to whole vectors, and what pads them is written to rows of B beyond n.
    """
    whole = m - m % width(b)
    for j in range(0, n, width(b)):
        for i in range(0, whole, width(b)):
            transpose_square(a, a_at + i * a_row + j, a_row, b, b_at + j * b_row + i, b_row)
    if whole < b_row:
        for j in range(n):
            row = b_at + j * b_row
            for i in range(whole, m):
                b[row + i] = a[a_at + i * a_row + j]
            for i in range(m, b_row):
                b[row + i] = 0
