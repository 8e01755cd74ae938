"""Adam, gradient descent, clipping: passes over the row of parameters.

Formulas and coefficients are those of :mod:`qsched.lanes.optimizers`.
"""

from __future__ import annotations

import math
from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import fill, fma, load, root, store, total, width

__all__ = ["adam", "clip", "decay", "sgd"]


@compiled
def clip(grads: Any, limit: float) -> None:
    """Scale the gradient down to a Euclidean norm of at most ``limit``."""
    squares = fill(grads, 0.0)
    for j in range(0, grads.size, width(grads)):
        g = load(grads, j)
        squares = fma(g, g, squares)
    factor = limit / (math.sqrt(total(squares)) + 1e-6)
    if not factor >= 1:  # NaN goes on to the parameters.
        for j in range(0, grads.size, width(grads)):
            store(grads, j, load(grads, j) * factor)


@compiled
def decay(grads: Any, values: Any, weights: int, penalty: float) -> None:
    """Add the gradient of the L2 penalty on the first ``weights`` parameters."""
    for j in range(0, weights, width(grads)):
        store(grads, j, load(grads, j) + load(values, j) * penalty)


@compiled
def adam(values: Any, grads: Any, moments: Any, betas: Any, slope: float, offset: float) -> None:
    """Take a step of Adam: ``w += m / (slope sqrt(v) + offset)``.

    Args:
        values: parameters [P].
        grads: their gradients [P].
        moments: (first, second): arrays [P].
        betas: decay rates of the moments.
        slope: coefficient of this step.
        offset: coefficient of this step.
    """
    first, second = moments
    for j in range(0, values.size, width(values)):
        g, m, v = load(grads, j), load(first, j), load(second, j)
        m = m + (g - m) * (1 - betas[0])
        v = v * betas[1] + g * g * (1 - betas[1])
        store(first, j, m)
        store(second, j, v)
        store(values, j, load(values, j) + m / (root(v) * slope + offset))


@compiled
def sgd(values: Any, grads: Any, velocity: Any, momentum: float, rate: float) -> None:
    """Take a step of gradient descent: ``v = momentum v + g``, ``w -= rate v``."""
    for j in range(0, values.size, width(values)):
        v = load(velocity, j) * momentum + load(grads, j)
        store(velocity, j, v)
        store(values, j, load(values, j) - v * rate)
