"""Independent formulations: plain loops and SciPy."""

from __future__ import annotations

import math

import numpy as np
from scipy import integrate, stats

from qsched.quantizers import Stair, stair

FAMILIES = ("uniform", "triangular", "normal", "logistic")

STAIRS = {
    "ternary": stair("ternary"),
    "binary": stair("binary"),
    "2-bit": stair("2-bit"),
    "4-bit": stair("4-bit"),
    "power-of-two-3": stair("power-of-two-3"),
    "uneven": Stair((-1.5, -0.25, 0.5, 2.0), (-0.75, 0.125, 1.0), quantum=0.5),
}


def distribution(family: str, std: float):
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


def plain_hard(x: float, s: Stair, mean: float = 0.0) -> float:
    """Return the highest level whose threshold ``x`` reaches."""
    level = s.levels[0]
    for threshold, higher in zip(s.thresholds, s.levels[1:], strict=True):
        if x >= (mean + threshold) * s.quantum:
            level = higher
    return level * s.quantum


def integrated(x: float, s: Stair, family: str, std: float, mean: float = 0.0) -> float:
    """Return the integral of Q(x - noise) against the density of the noise."""
    noise = distribution(family, std)
    low, high = noise.support()
    low, high = max(low, -30 * std), min(high, 30 * std)
    breaks = sorted(
        {low, high, *(np.clip(x / s.quantum - mean - t, low, high) for t in s.thresholds)}
    )
    total = 0.0
    for left, right in zip(breaks, breaks[1:], strict=False):
        middle = (left + right) / 2
        level = plain_hard(x - s.quantum * middle, s, mean)
        total += level * integrate.quad(noise.pdf, left, right, epsabs=1e-12)[0]
    return total


def probabilities(x: np.ndarray, s: Stair, family: str, std: float) -> np.ndarray:
    """Return the probability of every level, [..., K + 1]."""
    noise = distribution(family, std)
    above = [noise.cdf(x / s.quantum - t) for t in s.thresholds]
    edges = np.stack([np.ones_like(x), *above, np.zeros_like(x)], axis=-1)
    return edges[..., :-1] - edges[..., 1:]
