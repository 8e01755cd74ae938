"""Logistic noise with one exponential for all thresholds of a stair.

With w = (x - t) / s for the first threshold t and the scale s, that of another threshold t' needs
exp(-w') = exp(-w) exp((t' - t) / s), whose second factor is the same for all x. It must not
overflow, so this holds for noise that is not too narrow, see :func:`is_wide`.
"""

from __future__ import annotations

import math
from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import column, exp, fill, fma, load, read, spread, store, width

__all__ = ["is_wide", "wide_bumps", "wide_expectation"]

LONGEST = 20.0
"""Distance of the last threshold from the first, in scales, up to which factors stay small."""


@compiled
def is_wide(table: Any, count: int, slope: float) -> bool:
    """Return whether one exponential will do, for thresholds in the first ``count`` places."""
    return bool((table[count - 1] - table[0]) * slope <= LONGEST)


@compiled
def _factors(table: Any, count: int, slope: float, at: int) -> None:
    for k in range(count):
        table[at + k] = math.exp((table[k] - table[0]) * slope)


@compiled
def wide_expectation(
    x: Any,
    y: Any,
    rows: Any,
    level: Any,
    slope: float,
    count: int,
    table: Any,
    step: int,
) -> None:
    """Write the expected level.

    Args:
        x: inputs, :class:`~qsched.native.places.Inputs`.
        y: where outputs go, :class:`~qsched.native.places.Place`.
        rows: how many there are, :class:`~qsched.native.places.Rows`.
        level: (lowest level, quantum).
        slope: reciprocal scale of the noise.
        count: number of thresholds.
        table: thresholds, ``step`` places further jumps; another ``step`` further is scratch.
        step: see there.
    """
    _factors(table, count, slope, 2 * step)
    one, lowest, quantum = fill(x.array, 1.0), fill(x.array, level[0]), fill(x.array, level[1])
    first, steep = fill(x.array, 1.0 * table[0]), fill(x.array, -slope)
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            e, out = exp((read(x.array, x.at + i, col) - first) * steep), lowest
            for k in range(count):
                out = out + spread(table, step + k) / fma(e, spread(table, 2 * step + k), one)
            store(y.array, y.at + i, out * quantum)


@compiled
def wide_bumps(
    x: Any,
    grad: Any,
    rows: Any,
    factor: float,
    slope: float,
    count: int,
    table: Any,
    step: int,
) -> None:
    """Multiply gradients by the derivative; arguments as of :func:`wide_expectation`.

    Args:
        grad: where gradients are, which are replaced.
        factor: what the sum of bumps is multiplied by.
    """
    _factors(table, count, slope, 2 * step)
    one, height = fill(x.array, 1.0), fill(x.array, factor)
    first, steep = fill(x.array, 1.0 * table[0]), fill(x.array, -slope)
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            e, out = exp((read(x.array, x.at + i, col) - first) * steep), one - one
            for k in range(count):
                y = one / fma(e, spread(table, 2 * step + k), one)
                out = fma(y - y * y, spread(table, step + k), out)
            store(grad.array, grad.at + i, load(grad.array, grad.at + i) * (out * height))
