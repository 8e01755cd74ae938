"""Stair functions and noise annealing on contiguous numbers: what :mod:`qsched.quantizers` does.

A stair is a row of numbers, see :func:`stair_row`, so that compiled code is the same for all
levels, families and forward strategies. Formulas and their sources are in
:mod:`qsched.quantizers.ana` and :mod:`qsched.quantizers.noise`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.levels import UNITS, Stair
from qsched.native.compiler import compiled
from qsched.native.logistic import is_wide, wide_bumps, wide_expectation
from qsched.native.names import NOISE
from qsched.native.simd import (
    absolute,
    column,
    erf,
    exp,
    fill,
    floor,
    fma,
    load,
    maximum,
    minimum,
    nan_else,
    read,
    select_ge,
    select_gt,
    select_inside,
    spread,
    store,
    width,
)

__all__ = ["ana_backward", "ana_forward", "hard", "stair_row"]

UNIFORM, TRIANGULAR, NORMAL, LOGISTIC = (
    NOISE.index(name) for name in ("uniform", "triangular", "normal", "logistic")
)
EXPECTATION, MODE, RANDOM = range(3)

WIDTHS = tuple(float(UNITS[name].width) for name in NOISE)
NORMS = tuple(float(UNITS[name].norm) for name in NOISE)

THRESHOLDS = 16
"""A stair has at most so many thresholds."""

TWO = 2
"""Thresholds of a ternary stair, which most networks have: loops of their own keep these."""

COUNT, QUANTUM, LOWEST, CENTER, EVEN, FIRST = range(6)
JUMPS = FIRST + THRESHOLDS
LENGTH = JUMPS + THRESHOLDS

TOUCHING = 1e-6
STEEP = 2.0**100


def stair_row(stair: Stair | None) -> np.ndarray:
    """Return a stair as numbers: count, quantum, lowest level, center, even, thresholds, jumps."""
    row = np.zeros(LENGTH)
    if stair is not None:
        count = len(stair.thresholds)
        head = count, stair.quantum, stair.levels[0], stair.center, stair.even
        row[:FIRST] = head
        row[FIRST : FIRST + count] = stair.thresholds
        row[JUMPS : JUMPS + count] = stair.jumps
    return row


@compiled
def hard(
    x: Any,
    y: Any,
    rows: Any,
    stair: Any,
    mean: float,
    table: Any,
) -> None:
    """Write the stair function of ``x - mean``, exact, with H(0) = 1; NaN yields NaN.

    Args:
        x: inputs, :class:`~qsched.native.places.Inputs`.
        y: where outputs go, :class:`~qsched.native.places.Place`.
        rows: how many there are, :class:`~qsched.native.places.Rows`.
        stair: a stair's row.
        mean: shift of the thresholds, in quanta.
        table: array for coefficients.
    """
    count = _centers(stair, mean, table)
    quantum, lowest = fill(x.array, stair[QUANTUM]), fill(x.array, stair[LOWEST])
    zero = fill(x.array, 0.0)
    if count == TWO:
        _hard_of_two(x, y, rows, lowest, quantum, table)
        return
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            value = read(x.array, x.at + i, col)
            out = nan_else(value, lowest)
            for k in range(count):
                out = out + select_ge(value, spread(table, k), spread(table, THRESHOLDS + k), zero)
            store(y.array, y.at + i, out * quantum)


@compiled
def _hard_of_two(x: Any, y: Any, rows: Any, lowest: Any, quantum: Any, table: Any) -> None:
    low, high, zero = spread(table, 0), spread(table, 1), fill(x.array, 0.0)
    first, second = spread(table, THRESHOLDS), spread(table, THRESHOLDS + 1)
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            value = read(x.array, x.at + i, col)
            out = nan_else(value, lowest) + select_ge(value, low, first, zero)
            store(y.array, y.at + i, (out + select_ge(value, high, second, zero)) * quantum)


@compiled
def ana_forward(
    x: Any,
    y: Any,
    rows: Any,
    stair: Any,
    noise: Any,
    forward: int,
    samples: Any,
    table: Any,
) -> None:
    """Write the output of a forward pass in training; other arguments as of :func:`hard`.

    Args:
        noise: (standard deviation, mean, index of the family).
        forward: index of the strategy.
        samples: array of numbers in [0, 1), for random levels; from its start.
    """
    std, mean, family = noise
    if not std > 0:
        hard(x, y, rows, stair, mean, table)
        return
    count = _centers(stair, mean, table)
    slope = min(1.0 / (WIDTHS[family] * stair[QUANTUM] * std), STEEP)
    if forward == EXPECTATION:
        if family == UNIFORM:
            _uniform_expectation(x, y, rows, stair, slope, count, table)
        elif family == TRIANGULAR:
            _triangular_expectation(x, y, rows, stair, slope, count, table)
        elif family == NORMAL:
            _normal_expectation(x, y, rows, stair, slope, count, table)
        elif is_wide(table, count, slope):
            level = stair[LOWEST], stair[QUANTUM]
            wide_expectation(x, y, rows, level, slope, count, table, THRESHOLDS)
        else:
            _logistic_expectation(x, y, rows, stair, slope, count, table)
    elif forward == MODE:
        _mode(x, y, rows, stair, slope, family, count, table)
    else:
        _random(x, y, rows, stair, slope, family, count, samples, table)


@compiled
def ana_backward(
    x: Any,
    grad: Any,
    rows: Any,
    stair: Any,
    noise: Any,
    table: Any,
) -> None:
    """Multiply gradients by the derivative of the smoothed stair at ``x``.

    Args:
        x: the forward pass's inputs.
        grad: where gradients are, which are replaced.
        rows: as of :func:`hard`.
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
    count = _centers(stair, mean, table)
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
def _centers(stair: Any, mean: float, table: Any) -> int:
    """Write thresholds in units of the input, and jumps, to ``table``; return their number."""
    count = int(stair[COUNT])
    for k in range(count):
        table[k] = (mean + stair[FIRST + k]) * stair[QUANTUM]
        table[THRESHOLDS + k] = stair[JUMPS + k]
    return count


# Sigmoids F(z) - 1/2 and bumps, the density in units of its norm, at w = z / unit of the family.


@compiled
def _uniform_sigmoid(w: Any, one: Any) -> Any:
    half = one * 0.5
    return maximum(minimum(w, half), 0.0 - half)


@compiled
def _triangular_sigmoid(w: Any, one: Any) -> Any:
    v = maximum(minimum(w, one), 0.0 - one)
    return v - v * absolute(v) * 0.5


@compiled
def _normal_sigmoid(w: Any, one: Any) -> Any:
    return erf(w) * 0.5


@compiled
def _logistic_sigmoid(w: Any, one: Any) -> Any:
    return one / (exp(0.0 - w) + one) - 0.5


@compiled
def _uniform_bump(w: Any, one: Any) -> Any:
    half, zero = one * 0.5, one - one
    return select_ge(w, 0.0 - half, one, zero) - select_ge(w, half, one, zero)


@compiled
def _triangular_bump(w: Any, one: Any) -> Any:
    return one - minimum(absolute(w), one)


@compiled
def _normal_bump(w: Any, one: Any) -> Any:
    return exp(0.0 - w * w)


@compiled
def _logistic_bump(w: Any, one: Any) -> Any:
    y = one / (exp(0.0 - w) + one)
    return y - y * y


@compiled
def _sigmoid(w: Any, family: int, one: Any) -> Any:
    if family == UNIFORM:
        return _uniform_sigmoid(w, one)
    if family == TRIANGULAR:
        return _triangular_sigmoid(w, one)
    if family == NORMAL:
        return _normal_sigmoid(w, one)
    return _logistic_sigmoid(w, one)


def _expectation_of(sigmoid: Any) -> Any:
    """Return the loop for one family: the strategy most used has no branch inside."""

    @compiled
    def expectation(
        x: Any, y: Any, rows: Any, stair: Any, slope: float, count: int, table: Any
    ) -> None:
        one, steep = fill(x.array, 1.0), fill(x.array, slope)
        center, quantum = fill(x.array, stair[CENTER]), fill(x.array, stair[QUANTUM])
        if count == TWO:
            of_two(x, y, rows, steep, center, quantum, table)
            return
        for c in range(0, rows.ld, width(x.array)):
            col = column(x.source, c)
            for i in range(c, c + rows.count * rows.ld, rows.ld):
                value, out = read(x.array, x.at + i, col), center
                for k in range(count):
                    s = sigmoid((value - spread(table, k)) * steep, one)
                    out = fma(s, spread(table, THRESHOLDS + k), out)
                store(y.array, y.at + i, out * quantum)

    @compiled
    def of_two(
        x: Any, y: Any, rows: Any, steep: Any, center: Any, quantum: Any, table: Any
    ) -> None:
        low, high, one = spread(table, 0), spread(table, 1), fill(x.array, 1.0)
        first, second = spread(table, THRESHOLDS), spread(table, THRESHOLDS + 1)
        for c in range(0, rows.ld, width(x.array)):
            col = column(x.source, c)
            for i in range(c, c + rows.count * rows.ld, rows.ld):
                value = read(x.array, x.at + i, col)
                out = fma(sigmoid((value - low) * steep, one), first, center)
                out = fma(sigmoid((value - high) * steep, one), second, out)
                store(y.array, y.at + i, out * quantum)

    return expectation


_uniform_expectation = _expectation_of(_uniform_sigmoid)
_triangular_expectation = _expectation_of(_triangular_sigmoid)
_normal_expectation = _expectation_of(_normal_sigmoid)
_logistic_expectation = _expectation_of(_logistic_sigmoid)


@compiled
def _mode(
    x: Any,
    y: Any,
    rows: Any,
    stair: Any,
    slope: float,
    family: int,
    count: int,
    table: Any,
) -> None:
    # The last one of the most probable levels; a bonus for each level lets ties go up in spite of
    # rounding.
    lowest, quantum = fill(x.array, stair[LOWEST]), fill(x.array, stair[QUANTUM])
    one, steep, bonus = fill(x.array, 1.0), fill(x.array, slope), fill(x.array, _bonus(x.array))
    half = one * 0.5
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            value = read(x.array, x.at + i, col)
            out = level = nan_else(value, lowest)
            s = _sigmoid((value - spread(table, 0)) * steep, family, one)
            best, extra = half - s, bonus
            for k in range(count):
                level = level + spread(table, THRESHOLDS + k)
                after = 0.0 - half
                if k + 1 < count:
                    after = _sigmoid((value - spread(table, k + 1)) * steep, family, one)
                probability = s - after + extra
                out = select_ge(probability, best, level, out)
                best = maximum(best, probability)
                s, extra = after, extra + bonus
            store(y.array, y.at + i, out * quantum)


@compiled
def _random(
    x: Any,
    y: Any,
    rows: Any,
    stair: Any,
    slope: float,
    family: int,
    count: int,
    samples: Any,
    table: Any,
) -> None:
    lowest, quantum = fill(x.array, stair[LOWEST]), fill(x.array, stair[QUANTUM])
    one, steep, zero = fill(x.array, 1.0), fill(x.array, slope), fill(x.array, 0.0)
    half = one * 0.5
    for c in range(0, rows.ld, width(x.array)):
        col = column(x.source, c)
        for i in range(c, c + rows.count * rows.ld, rows.ld):
            value, cut = read(x.array, x.at + i, col), load(samples, i) - half
            out = nan_else(value, lowest)
            for k in range(count):
                s = _sigmoid((value - spread(table, k)) * steep, family, one)
                out = out + select_gt(s, cut, spread(table, THRESHOLDS + k), zero)
            store(y.array, y.at + i, out * quantum)


@compiled
def _windows(
    x: Any,
    grad: Any,
    rows: Any,
    stair: Any,
    std: float,
    mean: float,
) -> None:
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


_uniform_bumps = _bumps_of(_uniform_bump)
_triangular_bumps = _bumps_of(_triangular_bump)
_normal_bumps = _bumps_of(_normal_bump)
_logistic_bumps = _bumps_of(_logistic_bump)


@compiled
def _bonus(array: Any) -> float:
    """Return a few machine epsilons of the array's type."""
    return 8 * 2.0**-23 if width(array) == 16 else 8 * 2.0**-52
