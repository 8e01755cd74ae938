"""Ways back through stair functions: gradients times the derivative of a smoothed stair.

Formulas and their sources are in :mod:`qsched.quantizers.ana` and :mod:`qsched.quantizers.noise`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.native.compiler import compiled
from qsched.native.logistic import is_wide, wide_bumps
from qsched.native.noise import (
    LOGISTIC,
    NORMAL,
    NORMS,
    TRIANGULAR,
    UNIFORM,
    WIDTHS,
    logistic_bump,
    normal_bump,
    triangular_bump,
    uniform_bump,
)
from qsched.native.simd import (
    column,
    fill,
    floor,
    fma,
    load,
    maximum,
    minimum,
    read,
    select_inside,
    spread,
    store,
    width,
)
from qsched.native.steps import COUNT, EVEN, FIRST, JUMPS, QUANTUM, STEEP, THRESHOLDS, TWO, centers

__all__ = ["ana_backward"]

TOUCHING = 1e-6


@compiled
def ana_backward(x: Any, grad: Any, rows: Any, stair: Any, noise: Any, table: Any) -> None:
    """Multiply gradients by the derivative of the smoothed stair at ``x``.

    Where an input is NaN, so is the loss; what becomes of its gradient is not defined.

    Args:
        x: the forward pass's inputs, :class:`~qsched.native.places.Inputs`.
        grad: where gradients are, which are replaced, :class:`~qsched.native.places.Place`.
        rows: how many there are, :class:`~qsched.native.places.Rows`.
        stair: a stair's row.
        noise: (standard deviation, mean, index of the family).
        table: array for coefficients.
    """
    std, mean, family = noise
    if not std > 0:
        _clear(grad, rows)
        return
    if family == UNIFORM and stair[EVEN] != 0:
        _windows(x, grad, rows, stair, std, mean)
        return
    count = centers(stair, mean, table)
    slope = min(1.0 / (WIDTHS[family] * stair[QUANTUM] * std), STEEP)
    factor = slope * NORMS[family] * stair[QUANTUM]
    if family == LOGISTIC and is_wide(table, count, slope):
        wide_bumps(x, grad, rows, factor, slope, count, table, THRESHOLDS)
        return
    for k in range(count):
        table[k] = -table[k] * slope
    if family == UNIFORM:
        _uniform_bumps(x, grad, rows, slope, factor, table, count)
    elif family == TRIANGULAR:
        _triangular_bumps(x, grad, rows, slope, factor, table, count)
    elif family == NORMAL:
        _normal_bumps(x, grad, rows, slope, factor, table, count)
    else:
        _logistic_bumps(x, grad, rows, slope, factor, table, count)


@compiled
def _clear(grad: Any, rows: Any) -> None:
    """Multiply gradients by 0; NaN stays."""
    zero = fill(grad.array, 0.0)
    for i in range(0, rows.count * rows.ld, width(grad.array)):
        store(grad.array, grad.at + i, load(grad.array, grad.at + i) * zero)


@compiled
def _windows(x: Any, grad: Any, rows: Any, stair: Any, std: float, mean: float) -> None:
    # Uniform noise on an even stair: the derivative counts the thresholds within half a width.
    extent = WIDTHS[UNIFORM] * std
    whole = np.rint(extent)
    if abs(extent - whole) < TOUCHING * whole:
        extent = whole
    quantum = stair[QUANTUM]
    low = fill(x.array, (mean + stair[FIRST]) * quantum - extent * (quantum / 2))
    factor, unit = fill(x.array, min(stair[JUMPS] / extent, STEEP)), fill(x.array, 1.0 / quantum)
    if stair[COUNT] == TWO:
        _two_windows(x, grad, rows, low, unit, extent, factor)
        return
    none, last = fill(x.array, -1.0), fill(x.array, stair[COUNT] - 1)
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            distance = (read(x.array, x.at + i, col) - low) * unit
            begun = minimum(maximum(floor(distance), none), last)
            ended = minimum(maximum(floor(distance - extent), none), last)
            slope = load(grad.array, grad.at + i)
            store(grad.array, grad.at + i, slope * ((begun - ended) * factor))


@compiled
def _two_windows(
    x: Any, grad: Any, rows: Any, low: Any, unit: Any, extent: float, factor: Any
) -> None:
    zero, one = fill(x.array, 0.0), fill(x.array, 1.0)
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            distance = (read(x.array, x.at + i, col) - low) * unit
            beyond, slope = distance - extent, load(grad.array, grad.at + i)
            out = select_inside(distance, zero, beyond, zero, factor, zero)
            out = out + select_inside(distance, one, beyond, one, factor, zero)
            store(grad.array, grad.at + i, slope * out)


def _bumps_of(bump: Any) -> Any:
    """Return the loop for one family."""

    @compiled
    def bumps(
        x: Any,
        grad: Any,
        rows: Any,
        slope: float,
        factor: float,
        table: Any,
        count: int,
    ) -> None:
        one, steep, height = fill(x.array, 1.0), fill(x.array, slope), fill(x.array, factor)
        for c in range(0, rows.ld, width(x.array)):
            col = column(x.source, c)
            for i in range(c, c + rows.count * rows.ld, rows.ld):
                scaled, out = read(x.array, x.at + i, col) * steep, one - one
                for k in range(count):
                    w = bump(scaled + spread(table, k), one)
                    out = fma(w, spread(table, THRESHOLDS + k), out)
                gradient = load(grad.array, grad.at + i)
                store(grad.array, grad.at + i, gradient * (out * height))

    return bumps


_uniform_bumps = _bumps_of(uniform_bump)
_triangular_bumps = _bumps_of(triangular_bump)
_normal_bumps = _bumps_of(normal_bump)
_logistic_bumps = _bumps_of(logistic_bump)
