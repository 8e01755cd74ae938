"""Independent formulations of stair functions and noise: plain loops and SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import integrate, stats

from qsched.quantizers import Stair

__all__ = ["FAMILIES", "distribution", "integrated", "plain_hard", "probabilities"]

FAMILIES = ("uniform", "triangular", "normal", "logistic")


def distribution(family: str, std: float) -> Any:
    """Return SciPy's distribution of mean 0 and standard deviation ``std``."""
    match family:
        case "uniform":
            half = math.sqrt(3) * std
            return stats.uniform(-half, 2 * half)
        case "triangular":
            half = math.sqrt(6) * std
            return stats.triang(0.5, -half, 2 * half)
        case "normal":
            return stats.norm(0, std)
        case "logistic":
            return stats.logistic(0, std * math.sqrt(3) / math.pi)
    raise AssertionError(family)


def plain_hard(x: float, stair: Stair, mean: float = 0.0) -> float:
    """Return the highest level whose threshold ``x`` reaches."""
    level = stair.levels[0]
    for threshold, higher in zip(stair.thresholds, stair.levels[1:], strict=True):
        if x >= (mean + threshold) * stair.quantum:
            level = higher
    return level * stair.quantum


def integrated(x: float, stair: Stair, family: str, std: float, mean: float = 0.0) -> float:
    """Return the integral of Q(x - noise) against the density of the noise."""
    noise = distribution(family, std)
    low, high = noise.support()
    low, high = max(low, -30 * std), min(high, 30 * std)
    breaks = sorted(
        {low, high, *(np.clip(x / stair.quantum - mean - t, low, high) for t in stair.thresholds)}
    )
    total = 0.0
    for left, right in zip(breaks, breaks[1:], strict=False):
        middle = (left + right) / 2
        level = plain_hard(x - stair.quantum * middle, stair, mean)
        total += level * integrate.quad(noise.pdf, left, right, epsabs=1e-12)[0]
    return total


def probabilities(
    x: NDArray[np.float64], stair: Stair, family: str, std: float
) -> NDArray[np.float64]:
    """Return the probability of every level, [..., K + 1]."""
    noise = distribution(family, std)
    above = [noise.cdf(x / stair.quantum - t) for t in stair.thresholds]
    edges = np.stack([np.ones_like(x), *above, np.zeros_like(x)], axis=-1)
    shares: NDArray[np.float64] = edges[..., :-1] - edges[..., 1:]
    return shares
