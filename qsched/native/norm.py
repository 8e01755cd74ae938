"""Batch normalization of [rows, channels], a vector of channels at a time.

Rows are examples times positions; they are padded to ``ld`` channels, a multiple of the vector's
length. The input is kept, and what is normalized computed anew where it is needed: that is cheaper
than to write and read it where activations leave the cache. Passes other than that over statistics
take some rows of a batch at a time, see :mod:`qsched.native.blocks`.

``stats`` is (place in the arrays that follow, means of the batch, reciprocal standard deviations
of the batch, running means, running variances).
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import column, fill, fma, load, read, sqrt, store, width

__all__ = [
    "norm_add_sums",
    "norm_add_values",
    "norm_backward",
    "norm_forward",
    "norm_parameters_backward",
    "norm_running",
    "norm_statistics",
]

EPS, MOMENTUM = 1e-5, 0.1


@compiled
def norm_add_values(work: Any, x: int, rows: int, ld: int, sums: Any) -> None:
    """Add to the sums that means are.

    Args:
        work: array of activations.
        x: place of the input in it.
        rows: number of rows; even, unless they are the last ones.
        ld: length of a row.
        sums: of even and of odd rows, [2, ld]; two partial sums hide the latency of additions.
    """
    for c in range(0, ld, width(work)):
        even, odd = load(sums, c), load(sums, ld + c)
        for i in range(x + c, x + c + (rows - 1) * ld, 2 * ld):
            even, odd = even + load(work, i), odd + load(work, i + ld)
        if rows % 2:
            even = even + load(work, x + c + (rows - 1) * ld)
        store(sums, c, even)
        store(sums, ld + c, odd)


@compiled
def norm_statistics(work: Any, x: int, rows: int, ld: int, stats: Any, sums: Any) -> None:
    """Write the statistics of the batch, and move the running ones towards them.

    Args:
        work: array of activations.
        x: place of the input in it.
        rows: number of rows.
        ld: length of a row.
        stats: statistics.
        sums: those of the whole batch, see :func:`norm_add_values`.
    """
    at, centers, rstds, means, variances = stats
    share, unbiased = 1.0 / rows, rows / max(rows - 1, 1)
    for c in range(0, ld, width(work)):
        mean = (load(sums, c) + load(sums, ld + c)) * share
        variance = _squares(work, x + c, rows, ld, mean) * share
        store(centers, at + c, mean)
        store(rstds, at + c, 1.0 / sqrt(variance + EPS))
        old = load(means, at + c)
        store(means, at + c, old + (mean - old) * MOMENTUM)
        old = load(variances, at + c)
        store(variances, at + c, old + (variance * unbiased - old) * MOMENTUM)


@compiled
def norm_forward(x: Any, y: Any, rows: Any) -> None:
    """Write what is normalized.

    Args:
        x: inputs, normalized as they are read, :class:`~qsched.native.places.Inputs`.
        y: where outputs go, :class:`~qsched.native.places.Place`.
        rows: how many there are, :class:`~qsched.native.places.Rows`.
    """
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            store(y.array, y.at + i, read(x.array, x.at + i, col))


@compiled
def norm_running(
    ld: int, values: Any, scale: int, shift: int, stats: Any, coefficients: Any
) -> None:
    """Write slopes [ld] and offsets [ld] of normalization by the running statistics.

    Args:
        ld: length of a row.
        values: array of parameters.
        scale: place of the scales in it.
        shift: place of the shifts in it.
        stats: statistics.
        coefficients: where to write, from the start.
    """
    at, _, _, means, variances = stats
    for c in range(0, ld, width(values)):
        slope = load(values, scale + c) / sqrt(load(variances, at + c) + EPS)
        store(coefficients, c, slope)
        store(coefficients, ld + c, load(values, shift + c) - load(means, at + c) * slope)


@compiled
def norm_add_sums(work: Any, x: int, grad: int, rows: int, ld: int, stats: Any, sums: Any) -> None:
    """Add to the sums that the gradients of scales and shifts are.

    Args:
        work: array of activations.
        x: place of the input in it.
        grad: place of the gradient of the output in it.
        rows: number of rows; even, unless they are the last ones.
        ld: length of a row.
        stats: statistics.
        sums: of the gradient in even and in odd rows, and of its products with what is normalized,
            [4, ld]; two partial sums hide the latency of additions.
    """
    at, centers, rstds, _, _ = stats
    for c in range(0, ld, width(work)):
        mean, rstd = load(centers, at + c), load(rstds, at + c)
        even, odd = load(sums, c), load(sums, ld + c)
        even_dot, odd_dot = load(sums, 2 * ld + c), load(sums, 3 * ld + c)
        for i in range(c, c + (rows - 1) * ld, 2 * ld):
            slope, normal = load(work, grad + i), (load(work, x + i) - mean) * rstd
            even, even_dot = even + slope, fma(slope, normal, even_dot)
            slope, normal = load(work, grad + i + ld), (load(work, x + i + ld) - mean) * rstd
            odd, odd_dot = odd + slope, fma(slope, normal, odd_dot)
        if rows % 2:
            last = c + (rows - 1) * ld
            slope, normal = load(work, grad + last), (load(work, x + last) - mean) * rstd
            even, even_dot = even + slope, fma(slope, normal, even_dot)
        store(sums, c, even)
        store(sums, ld + c, odd)
        store(sums, 2 * ld + c, even_dot)
        store(sums, 3 * ld + c, odd_dot)


@compiled
def norm_parameters_backward(grads: Any, scale: int, shift: int, ld: int, sums: Any) -> None:
    """Write the gradients of scales and shifts.

    Args:
        grads: array of gradients of parameters.
        scale: place of the scales in it.
        shift: place of the shifts in it.
        ld: length of a row.
        sums: those of the whole batch, see :func:`norm_add_sums`.
    """
    for c in range(0, ld, width(grads)):
        store(grads, shift + c, load(sums, c) + load(sums, ld + c))
        store(grads, scale + c, load(sums, 2 * ld + c) + load(sums, 3 * ld + c))


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
    total: int,
) -> None:
    """Replace the gradient of the output by that of the input.

    Args:
        work: array of activations.
        x: place of the input in it.
        grad: place of the gradient in it.
        rows: number of rows.
        ld: length of a row.
        params: (array of parameters, array of their gradients).
        scale: place of the scales in both.
        shift: place of the shifts in both.
        stats: statistics.
        total: number of rows of the whole batch.
    """
    values, grads = params
    at, centers, rstds, _, _ = stats
    share = 1.0 / total
    for c in range(0, ld, width(work)):
        center, rstd = load(centers, at + c), load(rstds, at + c)
        slope = load(values, scale + c) * rstd
        mean, tilt = load(grads, shift + c) * share, load(grads, scale + c) * share
        for i in range(c, c + rows * ld, ld):
            normal = (load(work, x + i) - center) * rstd
            store(work, grad + i, slope * (load(work, grad + i) - mean - normal * tilt))


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
