"""The vector type against NumPy, SciPy and torch lanes' own stream of random numbers."""

import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numba import njit
from numba.core.errors import TypingError
from scipy.special import erf as exact_erf

from qsched.lanes.noise import uniform as torch_uniform
from qsched.native import simd
from qsched.native.program import FLOATS

FLOAT = pytest.mark.parametrize("dtype", [np.float32, np.float64])
N = 4096


@njit
def each_exp(x, y):
    for i in range(0, x.size, simd.width(x)):
        simd.store(y, i, simd.exp(simd.load(x, i)))


@njit
def each_erf(x, y):
    for i in range(0, x.size, simd.width(x)):
        simd.store(y, i, simd.erf(simd.load(x, i)))


@njit
def each_uniform(y, place, stride, first, second):
    for i in range(0, y.size, simd.width(y)):
        start = np.int32(place + i * stride)
        simd.store(y, i, simd.uniform(y, start, np.int32(stride), first, second))


@njit
def each_operation(x, y, z, out):
    n = x.size
    for i in range(0, n, simd.width(x)):
        a, b, c = simd.load(x, i), simd.load(y, i), simd.load(z, i)
        simd.store(out, i, simd.fma(a, b, c))
        simd.store(out, n + i, (a + 1.5) / (2.0 - b) * c)
        simd.store(out, 2 * n + i, simd.floor(a) + simd.sqrt(simd.absolute(b)))
        simd.store(out, 3 * n + i, simd.maximum(simd.minimum(a, b), c))
        simd.store(out, 4 * n + i, simd.select_ge(a, b, a, simd.nan_else(b, c)))
        simd.store(out, 5 * n + i, simd.select_gt(a, b, a, c))
        simd.store(out, 6 * n + i, simd.spread(x, i + 1) + simd.fill(x, 3.0))
        simd.store(out, 7 * n + i, simd.gather(y, n - 1 - i, -1))
        simd.store(out, 10 * n + i, simd.select_inside(a, b, a, c, a, b))
        out[8 * n + i // simd.width(x)] = simd.total(a)
        out[9 * n + i // simd.width(x)] = simd.largest(simd.absolute(c))


@njit
def each_root(x, y):
    for i in range(0, x.size, simd.width(x)):
        simd.store(y, i, simd.root(simd.load(x, i)))


class Group(NamedTuple):
    row: np.ndarray
    table: np.ndarray
    cube: np.ndarray
    flags: np.ndarray
    number: int


@njit
def use_dense(group, found):
    dense = simd.dense(group)
    found[0], found[1], found[2] = dense.row.size, len(dense.table), len(dense.cube[1])
    found[3], found[4], found[5] = dense.row[3], dense.table[2, 1], dense.table[1][2]
    found[6], found[7] = dense.cube[1, 2, 3], dense.cube[1][2][0]
    found[8], found[9], found[10] = dense.flags[0], dense.flags[1], dense.number
    dense.row[0], dense.table[1, 1], dense.cube[0][1][2] = 7.0, 8, 9
    simd.store(dense.row, 16, simd.load(dense.row, 0) + 1.0)


@njit
def copy(x, at, y, to, count):
    simd.copy(x, at, y, to, count)


@njit
def tiles(x, table, out):
    """Write 3 x 2 vectors: what lies at steps of ``table``, plus x[row] times the second row."""
    n = simd.width(x)
    tile = simd.zero_tile(x, 3, 2)
    tile = simd.load_tile(tile, x, simd.table_steps(tile, table, 1, 2))
    tile = simd.add_products(tile, x, simd.equal_steps(tile, 1, 5), 2, x, 2 * n)
    simd.store_tile(tile, out, simd.equal_steps(tile, 1, 2 * n))


@njit
def product_of_small_numbers(x):
    before = simd.flush_denormals()
    flushed = x[0] * x[1]
    simd.restore_denormals(before)
    return flushed, x[0] * x[1]


@FLOAT
def test_exp(dtype):
    limit = 87 if dtype == np.float32 else 700
    x, y = np.linspace(-limit, limit, N, dtype=dtype), np.zeros(N, dtype)
    each_exp(x, y)
    expected = np.exp(x.astype(np.longdouble))
    assert (np.abs(y - expected) <= 3 * np.spacing(expected.astype(dtype))).all()
    x[:3] = np.nan, np.inf, -np.inf
    each_exp(x, y)
    assert np.isnan(y[0])
    assert y[1] > 1e37
    assert 0 < y[2] < 1e-37


def test_root_of_every_significand():
    # Powers of 4 change the exponent alone: two octaves stand for all, and the ends for the rest.
    for exponent in (127, 128, 27, 28, 252, 253):
        x = (np.arange(2**23, dtype=np.uint32) + np.uint32(exponent << 23)).view(np.float32)
        y = np.empty_like(x)
        each_root(x, y)
        assert (y == np.sqrt(x)).all()


@FLOAT
def test_root_of_unusual_numbers(dtype):
    for one in (0.0, -0.0, 1e-35, 1e-44, 3e38, np.inf, np.nan, -1.0, 2.0):
        x = np.linspace(0, 9, 32).astype(dtype)
        x[5] = one
        y = np.empty_like(x)
        each_root(x, y)
        with np.errstate(invalid="ignore"):
            expected = np.sqrt(x)
        np.testing.assert_array_equal(y, expected)
        assert (np.signbit(y) == np.signbit(expected))[x == 0].all()


def test_dense_arrays_are_views():
    row, cube = np.arange(40, dtype=np.float32), np.arange(24).reshape(2, 3, 4)
    group = Group(row, np.arange(12).reshape(4, 3), cube, np.array([True, False]), 5)
    found = np.zeros(11)
    use_dense(group, found)
    assert found.tolist() == [40, 4, 3, 3, 7, 5, 23, 20, 1, 0, 5]
    assert (row[0], group.table[1, 1], cube[0, 1, 2]) == (7, 8, 9)
    assert row[16:32].tolist() == [8, *range(2, 17)]


def test_arrays_with_gaps_are_not_dense():
    gaps = np.arange(80, dtype=np.float32)[::2]
    cube = np.zeros((2, 3, 4), int)
    with pytest.raises(TypingError, match="C-contiguous"):
        use_dense(Group(gaps, cube[0], cube, np.ones(2, bool), 0), np.zeros(11))


@FLOAT
def test_erf(dtype):
    x, y = np.linspace(-8, 8, N, dtype=dtype), np.zeros(N, dtype)
    x[:3] = np.nan, np.inf, -np.inf
    each_erf(x, y)
    assert np.isnan(y[0])
    np.testing.assert_allclose(y, exact_erf(x.astype(float)), atol=6 * np.finfo(dtype).eps)


@FLOAT
def test_random_numbers_are_those_of_torch_lanes(dtype):
    y = np.zeros(N, dtype)
    each_uniform(y, 7, 3, np.int32(-123456), np.int32(99))
    keys = torch.tensor([[-123456, 99]], dtype=torch.int32)
    expected = torch_uniform(keys, (7 + 3 * N,), torch.float64)[0, 7::3].numpy()
    assert (y == expected).all()


@FLOAT
def test_arithmetic(dtype):
    count = 8 * (FLOATS if dtype == np.float32 else FLOATS // 2)
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, count)).astype(dtype)
    x[3] = y[5] = np.nan
    out = np.zeros(11 * count, dtype)
    each_operation(x, y, z, out)
    width = 64 // x.itemsize
    one, third = dtype(1.5), dtype(2)
    with np.errstate(invalid="ignore"):
        low = np.where(x > y, y, x)
        expected = [
            (x.astype(np.longdouble) * y + z).astype(dtype),
            (x + one) / (third - y) * z,
            np.floor(x) + np.sqrt(np.abs(y)),
            np.where(z > low, z, low),
            np.where(x >= y, x, np.where(np.isnan(y), y, z)),
            np.where(x > y, x, z),
        ]
    for row, wanted in zip(out.reshape(11, -1), expected, strict=False):
        np.testing.assert_array_max_ulp(row, wanted, maxulp=1)
    np.testing.assert_array_equal(out[6 * count : 7 * count], np.repeat(x[1::width], width) + 3)
    np.testing.assert_array_equal(out[7 * count : 8 * count], y[::-1])
    sums = out[8 * count : 8 * count + count // width]
    np.testing.assert_allclose(sums, x.reshape(-1, width).sum(axis=1), rtol=1e-5)
    tops = out[9 * count : 9 * count + count // width]
    np.testing.assert_array_equal(tops, np.abs(z).reshape(-1, width).max(axis=1))
    inside = np.where((x >= y) & (x < z), x, y)
    np.testing.assert_array_equal(out[10 * count :], inside)


@FLOAT
def test_copy(dtype):
    x = np.arange(100, dtype=dtype)
    for count in (0, 1, 7, 8, 15, 16, 17, 31, 32, 64, 70):
        y = np.full(100, -1, dtype)
        copy(x, 5, y, 3, count)
        np.testing.assert_array_equal(y[3 : 3 + count], x[5 : 5 + count])
        assert (y[:3] == -1).all()
        assert (y[3 + count :] == -1).all()


@FLOAT
def test_tiles(dtype):
    x = np.random.default_rng(0).integers(-9, 10, 100).astype(dtype)
    n, out = 64 // x.itemsize, np.full(400, 99, dtype)
    tiles(x, np.array([0, 3, 0, 7]), out)
    second = x[2 * n : 4 * n]
    for row, (start, factor) in enumerate([(5, x[3]), (2, x[8]), (9, x[13])]):
        expected = x[start : start + 2 * n] + factor * second
        np.testing.assert_array_equal(out[1 + 2 * n * row :][: 2 * n], expected)
    assert out[0] == 99
    assert (out[1 + 6 * n :] == 99).all()


def test_denormals_are_restored():
    flushed, kept = product_of_small_numbers(np.array([1e-20, 1e-20], np.float32))
    assert kept > 0
    if simd.control.X86:
        assert flushed == 0


CHECK = """
from typing import NamedTuple
import numpy as np
from numba import njit
from qsched.native import simd

@njit
def read(x, i):
    simd.store(x, 0, simd.load(x, i))

@njit
def add(x, i):
    tile = simd.zero_tile(x, 2, 1)
    starts = simd.equal_steps(tile, 0, 8)
    simd.store_tile(simd.add_products(tile, x, starts, i, x, i), x, starts)

class Group(NamedTuple):
    x: np.ndarray

@njit
def item(x, i):
    return simd.dense(Group(x)).x[i + 7 if i > 0 else i]

for use in (read, add, item):
    use(np.zeros(16), 7)
    for i in (-1, 9):
        try:
            use(np.zeros(16), i)
        except IndexError:
            print("caught", i)
"""


def test_debug_mode_finds_what_lies_outside():
    environment = {**os.environ, "QSCHED_NATIVE_CHECKED": "1"}
    command = [sys.executable, "-c", CHECK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == 3 * ["caught -1", "caught 9"]
