"""Stair functions and noise annealing on contiguous numbers: what :mod:`qsched.quantizers` does.

A stair is a row of numbers, see :func:`stair_row`, so that compiled code is the same for all
levels, families and forward strategies. Formulas and their sources are in
:mod:`qsched.quantizers.ana` and :mod:`qsched.quantizers.noise`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.native.compiler import compiled
from qsched.native.names import NOISE
from qsched.native.simd import (
    absolute,
    erf,
    exp,
    fill,
    floor,
    fma,
    load,
    maximum,
    minimum,
    nan_else,
    select_ge,
    select_gt,
    spread,
    store,
    width,
)
from qsched.quantizers import FAMILIES, Stair

__all__ = ["ana_backward", "ana_forward", "hard", "stair_row"]

UNIFORM, TRIANGULAR, NORMAL, LOGISTIC = (
    NOISE.index(name) for name in ("uniform", "triangular", "normal", "logistic")
)
EXPECTATION, MODE, RANDOM = range(3)

WIDTHS = tuple(float(FAMILIES[name].width) for name in NOISE)
NORMS = tuple(float(FAMILIES[name].norm) for name in NOISE)

THRESHOLDS = 16
"""A stair has at most so many thresholds."""

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
    x: Any, x_at: int, y: Any, y_at: int, n: int, stair: Any, mean: float, table: Any
) -> None:
    """Write the stair function of ``x - mean``, exact, with H(0) = 1; NaN yields NaN.

    Args:
        x: array of inputs.
        x_at: place of the first one.
        y: array of outputs.
        y_at: place of the first one.
        n: how many; rounded up to whole vectors.
        stair: a stair's row.
        mean: shift of the thresholds, in quanta.
        table: array for coefficients.
    """
    count = _centers(stair, mean, table)
    quantum, lowest = fill(x, stair[QUANTUM]), fill(x, stair[LOWEST])
    zero = fill(x, 0.0)
    for i in range(0, n, width(x)):
        value = load(x, x_at + i)
        out = nan_else(value, lowest)
        for k in range(count):
            out = out + select_ge(value, spread(table, k), spread(table, THRESHOLDS + k), zero)
        store(y, y_at + i, out * quantum)


@compiled
def ana_forward(
    x: Any,
    x_at: int,
    y: Any,
    y_at: int,
    n: int,
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
        hard(x, x_at, y, y_at, n, stair, mean, table)
        return
    count = _centers(stair, mean, table)
    slope = min(1.0 / (WIDTHS[family] * stair[QUANTUM] * std), STEEP)
    if forward == EXPECTATION:
        _expectation(x, x_at, y, y_at, n, stair, slope, family, count, table)
    elif forward == MODE:
        _mode(x, x_at, y, y_at, n, stair, slope, family, count, table)
    else:
        _random(x, x_at, y, y_at, n, stair, slope, family, count, samples, table)


@compiled
def ana_backward(
    x: Any, x_at: int, grad: Any, grad_at: int, n: int, stair: Any, noise: Any, table: Any
) -> None:
    """Multiply gradients by the derivative of the smoothed stair at ``x``.

    Args:
        x: array of the forward pass's inputs.
        x_at: place of the first one.
        grad: array of gradients, which are replaced.
        grad_at: place of the first one.
        n: how many.
        stair: a stair's row.
        noise: (standard deviation, mean, index of the family).
        table: array for coefficients.
    """
    std, mean, family = noise
    if not std > 0:
        zero = fill(grad, 0.0)
        for i in range(0, n, width(x)):
            store(grad, grad_at + i, load(grad, grad_at + i) * zero)
    elif family == UNIFORM and stair[EVEN] != 0:
        _windows(x, x_at, grad, grad_at, n, stair, std, mean)
    else:
        _bumps(x, x_at, grad, grad_at, n, stair, std, mean, family, table)


@compiled
def _centers(stair: Any, mean: float, table: Any) -> int:
    """Write thresholds in units of the input, and jumps, to ``table``; return their number."""
    count = int(stair[COUNT])
    for k in range(count):
        table[k] = (mean + stair[FIRST + k]) * stair[QUANTUM]
        table[THRESHOLDS + k] = stair[JUMPS + k]
    return count


@compiled
def _sigmoid(w: Any, family: int, half: Any, one: Any) -> Any:
    """Return F(z) - 1/2 at w = z / unit of the family."""
    if family == UNIFORM:
        return maximum(minimum(w, half), -0.5 * one)
    if family == LOGISTIC:
        return one / (exp(0.0 - w) + one) - half
    if family == NORMAL:
        return erf(w) * half
    v = maximum(minimum(w, one), 0.0 - one)
    return v - v * absolute(v) * half


@compiled
def _bump(w: Any, family: int, one: Any, zero: Any) -> Any:
    """Return the density at w = z / unit of the family, in units of its norm."""
    if family == UNIFORM:
        half = one * 0.5
        return select_ge(w, zero - half, one, zero) - select_ge(w, half, one, zero)
    if family == LOGISTIC:
        y = one / (exp(0.0 - w) + one)
        return y - y * y
    if family == NORMAL:
        return exp(0.0 - w * w)
    return one - minimum(absolute(w), one)


@compiled
def _expectation(
    x: Any,
    x_at: int,
    y: Any,
    y_at: int,
    n: int,
    stair: Any,
    slope: float,
    family: int,
    count: int,
    table: Any,
) -> None:
    one, center, quantum = fill(x, 1.0), fill(x, stair[CENTER]), fill(x, stair[QUANTUM])
    half, steep = one * 0.5, fill(x, slope)
    for i in range(0, n, width(x)):
        value, out = load(x, x_at + i), center
        for k in range(count):
            s = _sigmoid((value - spread(table, k)) * steep, family, half, one)
            out = fma(s, spread(table, THRESHOLDS + k), out)
        store(y, y_at + i, out * quantum)


@compiled
def _mode(
    x: Any,
    x_at: int,
    y: Any,
    y_at: int,
    n: int,
    stair: Any,
    slope: float,
    family: int,
    count: int,
    table: Any,
) -> None:
    # The last one of the most probable levels; a bonus for each level lets ties go up in spite of
    # rounding.
    one, lowest, quantum = fill(x, 1.0), fill(x, stair[LOWEST]), fill(x, stair[QUANTUM])
    half, steep, bonus = one * 0.5, fill(x, slope), fill(x, 8.0 * _epsilon(x))
    for i in range(0, n, width(x)):
        value = load(x, x_at + i)
        out = level = nan_else(value, lowest)
        s = _sigmoid((value - spread(table, 0)) * steep, family, half, one)
        best, extra = half - s, bonus
        for k in range(count):
            level = level + spread(table, THRESHOLDS + k)
            after = 0.0 - half
            if k + 1 < count:
                after = _sigmoid((value - spread(table, k + 1)) * steep, family, half, one)
            probability = s - after + extra
            out = select_ge(probability, best, level, out)
            best = maximum(best, probability)
            s, extra = after, extra + bonus
        store(y, y_at + i, out * quantum)


@compiled
def _random(
    x: Any,
    x_at: int,
    y: Any,
    y_at: int,
    n: int,
    stair: Any,
    slope: float,
    family: int,
    count: int,
    samples: Any,
    table: Any,
) -> None:
    one, lowest, quantum = fill(x, 1.0), fill(x, stair[LOWEST]), fill(x, stair[QUANTUM])
    half, steep, zero = one * 0.5, fill(x, slope), fill(x, 0.0)
    for i in range(0, n, width(x)):
        value, cut = load(x, x_at + i), load(samples, i) - half
        out = nan_else(value, lowest)
        for k in range(count):
            s = _sigmoid((value - spread(table, k)) * steep, family, half, one)
            out = out + select_gt(s, cut, spread(table, THRESHOLDS + k), zero)
        store(y, y_at + i, out * quantum)


@compiled
def _windows(
    x: Any, x_at: int, grad: Any, grad_at: int, n: int, stair: Any, std: float, mean: float
) -> None:
    # Uniform noise on an even stair: the derivative counts the thresholds within half a width.
    extent = WIDTHS[UNIFORM] * std
    whole = np.rint(extent)
    if abs(extent - whole) < TOUCHING * whole:
        extent = whole
    quantum = stair[QUANTUM]
    low = fill(x, (mean + stair[FIRST]) * quantum - extent * (quantum / 2))
    factor, unit = fill(x, min(stair[JUMPS] / extent, STEEP)), fill(x, quantum)
    none, last = fill(x, -1.0), fill(x, stair[COUNT] - 1)
    for i in range(0, n, width(x)):
        distance = (load(x, x_at + i) - low) / unit
        begun = minimum(maximum(floor(distance), none), last)
        ended = minimum(maximum(floor(distance - extent), none), last)
        store(grad, grad_at + i, load(grad, grad_at + i) * ((begun - ended) * factor))


@compiled
def _bumps(
    x: Any,
    x_at: int,
    grad: Any,
    grad_at: int,
    n: int,
    stair: Any,
    std: float,
    mean: float,
    family: int,
    table: Any,
) -> None:
    count = _centers(stair, mean, table)
    slope = min(1.0 / (WIDTHS[family] * stair[QUANTUM] * std), STEEP)
    for k in range(count):
        table[k] = -table[k] * slope
    one, zero = fill(x, 1.0), fill(x, 0.0)
    steep, factor = fill(x, slope), fill(x, slope * NORMS[family] * stair[QUANTUM])
    for i in range(0, n, width(x)):
        scaled, out = load(x, x_at + i) * steep, zero
        for k in range(count):
            bump = _bump(scaled + spread(table, k), family, one, zero)
            out = fma(bump, spread(table, THRESHOLDS + k), out)
        store(grad, grad_at + i, load(grad, grad_at + i) * (out * factor))


@compiled
def _epsilon(x: Any) -> float:
    """Return the machine epsilon of the array's type."""
    return 2.0**-23 if x.itemsize == 4 else 2.0**-52
