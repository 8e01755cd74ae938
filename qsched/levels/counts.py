"""How many weights are frozen."""

from __future__ import annotations

import numpy as np

__all__ = ["frozen_count"]


def frozen_count(fraction: np.ndarray, n: int) -> np.ndarray:
    """Return how many of ``n`` weights a frozen fraction means: fraction * n, halves up.

    Args:
        fraction: in [0, 1], of any shape, float64 for decimal fractions such as 0.35 to be meant.
        n: number of weights.

    Returns:
        Integers of the same shape in [0, n], non-decreasing in the fraction; n exactly at 1.

    >>> frozen_count(np.array([0.0, 0.35, 0.5, 1.0]), 10).tolist()
    [0, 4, 5, 10]
    """
    # The small addend lets 0.35 * 10 be the 3.5 that is meant, whichever way 0.35 was rounded.
    counts = np.floor(np.asarray(fraction, np.float64) * n + (0.5 + 1e-6))
    return np.clip(counts, 0, n).astype(np.int64)
