"""What values integers can take: interval arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qsched.deploy.records import Conv, Integers, Linear

__all__ = ["Bounds", "sum_bounds"]


@dataclass(frozen=True, eq=False)
class Bounds:
    """Smallest and largest value of each channel, [C]."""

    low: Integers
    high: Integers

    @property
    def largest(self) -> int:
        """The largest magnitude."""
        return int(max(abs(self.low).max(), abs(self.high).max()))

    def times(self, count: int) -> Bounds:
        """Return the bounds of sums of ``count`` values."""
        return Bounds(self.low * count, self.high * count)

    def repeated(self, count: int) -> Bounds:
        """Return the bounds of features, ``count`` of each channel."""
        return Bounds(np.repeat(self.low, count), np.repeat(self.high, count))

    def flipped(self, negative: np.ndarray) -> Bounds:
        """Return the bounds where the values of some channels change sign."""
        return Bounds(
            np.where(negative, -self.high, self.low), np.where(negative, -self.low, self.high)
        )


def sum_bounds(levels: Integers, inputs: Bounds, layer: Linear | Conv) -> Bounds:
    """Return the bounds of weighted sums of inputs that lie in given bounds.

    Padding is 0; where 0 is out of the inputs' bounds it widens them.
    """
    low, high = inputs.low, inputs.high
    if isinstance(layer, Conv) and any(layer.padding):
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    low, high = (_per_output(side, levels, layer) for side in (low, high))
    rows = levels.reshape(len(levels), levels.shape[1], -1)
    up, down = np.maximum(rows, 0).sum(axis=2), np.minimum(rows, 0).sum(axis=2)
    return Bounds(
        (up * low + down * high).sum(axis=1),
        (up * high + down * low).sum(axis=1),
    )


def _per_output(side: Integers, levels: Integers, layer: Linear | Conv) -> Integers:
    """Return the bounds of each output's inputs, [O, C / groups]."""
    groups = layer.groups if isinstance(layer, Conv) else 1
    grouped = side.reshape(groups, -1)
    return np.repeat(grouped, len(levels) // groups, axis=0)
