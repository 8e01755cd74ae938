"""Products and transposes of any shape against NumPy; what lies behind a result is left alone."""

import numpy as np
import pytest
from numba import njit

from qsched.native import gemm as kernels

SHAPES = [
    (rows, vectors, inner)
    for rows in (1, 3, 4, 7, 8, 10, 13, 16, 31)
    for vectors, inner in ((1, 1), (1, 9), (2, 16), (3, 5), (4, 33))
]


@njit
def product(shape, a, b, c):
    kernels.gemm(shape, a, 0, shape[2], b, 0, shape[1], c, 0)


@njit
def transposed_product(shape, a, b, c):
    kernels.gemm_transposed(shape, a, 0, shape[0], b, 0, shape[1], c, 0)


@njit
def turn(a, row, b, target_row, m, n):
    kernels.transpose(a, 0, row, b, 0, target_row, m, n)


def matrix(rng, *shape, dtype):
    """Return whole numbers, so that no order of sums matters, with room behind."""
    numbers = rng.integers(-9, 10, shape).astype(dtype)
    return numbers, np.concatenate([numbers.reshape(-1), np.full(64, 99, dtype)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products(dtype):
    rng = np.random.default_rng(0)
    vector = 64 // np.dtype(dtype).itemsize
    for m, vectors, k in SHAPES:
        n = vectors * vector
        b, b_memory = matrix(rng, k, n, dtype=dtype)
        for function, shape in ((product, (m, k)), (transposed_product, (k, m))):
            a, a_memory = matrix(rng, *shape, dtype=dtype)
            _, c = matrix(rng, m, n, dtype=dtype)
            function((m, n, k), a_memory, b_memory, c)
            expected = (a if function is product else a.T) @ b
            np.testing.assert_array_equal(c[: m * n].reshape(m, n), expected)
            assert (c[m * n :] == 99).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "n"), [(1, 1), (5, 10), (8, 8), (16, 16), (17, 33), (64, 40)])
def test_transpose(dtype, m, n):
    rng = np.random.default_rng(1)
    vector = 64 // np.dtype(dtype).itemsize
    row, target_row = (-(-size // vector) * vector for size in (n, m))
    a, memory = matrix(rng, m, row, dtype=dtype)
    _, b = matrix(rng, n + vector, target_row, dtype=dtype)
    turn(memory, row, b, target_row, m, n)
    result = b[: n * target_row].reshape(n, target_row)
    np.testing.assert_array_equal(result[:, :m], a[:, :n].T)
    assert (result[:, m:] == 0).all()
