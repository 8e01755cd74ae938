"""From floating-point weights to integers times a scale."""

from __future__ import annotations

import numpy as np

from qsched.deploy.records import Floats, Integers
from qsched.errors import InputError

__all__ = ["fixed_point", "integer_levels", "power_of_two", "scales"]

HEAD_BITS = 16
"""Weights of a classifier in full precision are rounded to so many bits."""

HEAD_LIMIT = 2**23
"""Its sums stay below this, so that float32 holds logits with their offsets exactly."""

LARGEST = 128
"""Largest level of quantized weights: that of the powers of two of 5 bits, in the smallest one."""


def integer_levels(weights: np.ndarray, name: str) -> tuple[Integers, float]:
    """Return quantized weights as integers times a scale.

    The scale is the largest number of which all weights are multiples, up to rounding.

    Args:
        weights: of any shape.
        name: of the layer, for messages.

    Returns:
        Integers of the same shape, and the scale; 1 if all weights are 0.

    Raises:
        InputError: there is no such number, or a weight is not finite.

    >>> integer_levels(np.array([0.0, -1.5, 3.0]), "conv1")
    (array([ 0, -1,  2]), 1.5)
    """
    if not np.isfinite(weights).all():
        raise InputError(f"weights must be finite, but `{name}` has NaN or infinity; train anew")
    magnitudes = np.unique(np.abs(weights))
    smallest = magnitudes[magnitudes > 0].min(initial=np.inf)
    if not np.isfinite(smallest):
        return np.zeros(weights.shape, np.int64), 1.0
    for part in range(1, LARGEST + 1):
        multiples = magnitudes * (part / smallest)
        if multiples.max() > LARGEST + 0.5:
            break
        levels = np.rint(multiples)
        if np.abs(multiples - levels).max() <= 1e-5 * levels.max():
            scale = float(smallest / part)
            return np.rint(weights / scale).astype(np.int64), scale
    raise InputError(
        f"the weights of `{name}` must be few integers times a scale, but they have "
        f"{len(np.unique(weights)):,} values without a common unit; quantize this layer, too"
    )


def fixed_point(weights: np.ndarray, largest: int) -> tuple[Integers, float]:
    """Return weights of full precision as integers times a power of two.

    Args:
        weights: [O, ...].
        largest: largest magnitude of the inputs.

    Returns:
        Integers of at most 16 bits whose sums over such inputs stay below 2^23, and the power.
    """
    rows = np.abs(weights).reshape(len(weights), -1)
    peak, total = rows.max(initial=0), rows.sum(axis=1).max(initial=0) * largest
    step = max(
        power_of_two(peak / (2 ** (HEAD_BITS - 1) - 1)),
        power_of_two(total / (HEAD_LIMIT - rows.shape[1] * largest)),
    )
    return np.rint(weights / step).astype(np.int64), step


def power_of_two(x: float) -> float:
    """Return the smallest power of two that is not below x; 1 for 0.

    >>> power_of_two(0.3), power_of_two(0.25)
    (0.5, 0.25)
    """
    return float(2.0 ** np.ceil(np.log2(x))) if x > 0 else 1.0


def scales(scale: float, channels: int) -> Floats:
    """Return one scale for each channel."""
    return np.full(channels, scale, np.float64)
