"""Batch normalization of [rows, channels], a vector of channels at a time.

Rows are examples times positions; they are padded to ``ld`` channels, a multiple of the vector's
length.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import fill, fma, load, sqrt, store, width

__all__ = ["norm_backward", "norm_forward", "norm_infer"]

EPS, MOMENTUM = 1e-5, 0.1


@compiled
def norm_forward(
    work: Any, x: int, y: int, rows: int, ld: int, values: Any, scale: int, shift: int, stats: Any
) -> None:
    """Normalize by the statistics of the batch, and move the running ones towards them.

    Args:
        work: array of activations.
        x: place of the input in it; it is replaced by the normalized input.
        y: place of the output in it.
        rows: number of rows.
        ld: length of a row.
        values: array of parameters.
        scale: place of the scales in it.
        shift: place of the shifts in it.
        stats: (place in the arrays that follow, running means, running variances, reciprocal
            standard deviations of the batch, which are written for the backward pass).
    """
    at, means, variances, rstds = stats
    share, unbiased = 1.0 / rows, rows / max(rows - 1, 1)
    for c in range(0, ld, width(work)):
        mean = _sum(work, x + c, rows, ld) * share
        variance = _squares(work, x + c, rows, ld, mean) * share
        rstd = 1.0 / sqrt(variance + EPS)
        store(rstds, at + c, rstd)
        old = load(means, at + c)
        store(means, at + c, old + (mean - old) * MOMENTUM)
        old = load(variances, at + c)
        store(variances, at + c, old + (variance * unbiased - old) * MOMENTUM)
        slope, offset = load(values, scale + c), load(values, shift + c)
        for i in range(c, c + rows * ld, ld):
            normal = (load(work, x + i) - mean) * rstd
            store(work, x + i, normal)
            store(work, y + i, fma(normal, slope, offset))


@compiled
def norm_backward(
    work: Any,
    x: int,
    grad: int,
    rows: int,
    ld: int,
    params: Any,
    scale: int,
    shift: int,
    stats: Any,
) -> None:
    """Replace the gradient of the output by that of the input.

    Args:
        work: array of activations.
        x: place of the normalized input in it.
        grad: place of the gradient in it.
        rows: number of rows.
        ld: length of a row.
        params: (array of parameters, array of their gradients, which is written).
        scale: place of the scales in both.
        shift: place of the shifts in both.
        stats: (place in the array that follows, reciprocal standard deviations of the batch).
    """
    values, grads = params
    at, rstds = stats
    share = 1.0 / rows
    for c in range(0, ld, width(work)):
        total = _sum(work, grad + c, rows, ld)
        product = _dot(work, grad + c, x + c, rows, ld)
        store(grads, scale + c, product)
        store(grads, shift + c, total)
        slope = load(values, scale + c) * load(rstds, at + c)
        mean, tilt = total * share, product * share
        for i in range(c, c + rows * ld, ld):
            rest = load(work, grad + i) - mean - load(work, x + i) * tilt
            store(work, grad + i, slope * rest)


@compiled
def norm_infer(
    work: Any, x: int, y: int, rows: int, ld: int, values: Any, scale: int, shift: int, stats: Any
) -> None:
    """Normalize by the running statistics; arguments as of :func:`norm_forward`."""
    at, means, variances, _ = stats
    for c in range(0, ld, width(work)):
        slope = load(values, scale + c) / sqrt(load(variances, at + c) + EPS)
        offset = load(values, shift + c) - load(means, at + c) * slope
        for i in range(c, c + rows * ld, ld):
            store(work, y + i, fma(load(work, x + i), slope, offset))


# Two partial sums hide the latency of additions.


@compiled
def _sum(work: Any, x: int, rows: int, ld: int) -> Any:
    even = odd = fill(work, 0.0)
    for i in range(x, x + (rows - 1) * ld, 2 * ld):
        even, odd = even + load(work, i), odd + load(work, i + ld)
    if rows % 2:
        even = even + load(work, x + (rows - 1) * ld)
    return even + odd


@compiled
def _squares(work: Any, x: int, rows: int, ld: int, mean: Any) -> Any:
    even = odd = fill(work, 0.0)
    for i in range(x, x + (rows - 1) * ld, 2 * ld):
        first, second = load(work, i) - mean, load(work, i + ld) - mean
        even, odd = fma(first, first, even), fma(second, second, odd)
    if rows % 2:
        last = load(work, x + (rows - 1) * ld) - mean
        even = fma(last, last, even)
    return even + odd


@compiled
def _dot(work: Any, x: int, y: int, rows: int, ld: int) -> Any:
    even = odd = fill(work, 0.0)
    for i in range(0, (rows - 1) * ld, 2 * ld):
        even = fma(load(work, x + i), load(work, y + i), even)
        odd = fma(load(work, x + i + ld), load(work, y + i + ld), odd)
    if rows % 2:
        last = (rows - 1) * ld
        even = fma(load(work, x + last), load(work, y + last), even)
    return even + odd
