"""Stair functions and their forward passes in training: what :mod:`qsched.quantizers` does.

A stair is a row of numbers, see :mod:`qsched.native.steps`, so that compiled code is the same for
all levels, families and forward strategies. Formulas and their sources are in
:mod:`qsched.quantizers.ana` and :mod:`qsched.quantizers.noise`.
"""

from __future__ import annotations

from typing import Any

from qsched.native.compiler import compiled
from qsched.native.logistic import is_wide, wide_expectation
from qsched.native.noise import (
    NORMAL,
    TRIANGULAR,
    UNIFORM,
    WIDTHS,
    logistic_sigmoid,
    normal_sigmoid,
    sigmoid_of,
    triangular_sigmoid,
    uniform_sigmoid,
)
from qsched.native.simd import (
    column,
    fill,
    fma,
    load,
    maximum,
    nan_else,
    read,
    select_ge,
    select_gt,
    spread,
    store,
    width,
)
from qsched.native.steps import CENTER, LOWEST, QUANTUM, STEEP, THRESHOLDS, TWO, centers

__all__ = ["RANDOM", "ana_forward", "hard"]

EXPECTATION, MODE, RANDOM = range(3)
"""Strategies, by :data:`qsched.native.names.FORWARDS`."""


@compiled
def hard(x: Any, y: Any, rows: Any, stair: Any, mean: float, table: Any) -> None:
    """Write the stair function of ``x - mean``, exact, with H(0) = 1; NaN yields NaN.

    Args:
        x: inputs, :class:`~qsched.native.places.Inputs`.
        y: where outputs go, :class:`~qsched.native.places.Place`.
        rows: how many there are, :class:`~qsched.native.places.Rows`.
        stair: a stair's row.
        mean: shift of the thresholds, in quanta.
        table: array for coefficients.
    """
    count = centers(stair, mean, table)
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
    count = centers(stair, mean, table)
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


_uniform_expectation = _expectation_of(uniform_sigmoid)
_triangular_expectation = _expectation_of(triangular_sigmoid)
_normal_expectation = _expectation_of(normal_sigmoid)
_logistic_expectation = _expectation_of(logistic_sigmoid)


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
            s = sigmoid_of((value - spread(table, 0)) * steep, family, one)
            best, extra = half - s, bonus
            for k in range(count):
                level = level + spread(table, THRESHOLDS + k)
                after = 0.0 - half
                if k + 1 < count:
                    after = sigmoid_of((value - spread(table, k + 1)) * steep, family, one)
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
                s = sigmoid_of((value - spread(table, k)) * steep, family, one)
                out = out + select_gt(s, cut, spread(table, THRESHOLDS + k), zero)
            store(y.array, y.at + i, out * quantum)


@compiled
def _bonus(array: Any) -> float:
    """Return a few machine epsilons of the array's type."""
    return 8 * 2.0**-23 if width(array) == 16 else 8 * 2.0**-52
