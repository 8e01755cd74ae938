"""A stair as numbers, so that compiled code is the same for all levels."""

from __future__ import annotations

from typing import Any

import numpy as np

from qsched.levels import Stair
from qsched.native.compiler import compiled

__all__ = [
    "CENTER",
    "COUNT",
    "EVEN",
    "FIRST",
    "JUMPS",
    "LOWEST",
    "QUANTUM",
    "STEEP",
    "THRESHOLDS",
    "TWO",
    "centers",
    "stair_row",
]

THRESHOLDS = 16
"""A stair has at most so many thresholds."""

TWO = 2
"""Thresholds of a ternary stair, which most networks have: loops of their own keep these."""

STEEP = 2.0**100
"""No smoothed stair is steeper."""

COUNT, QUANTUM, LOWEST, CENTER, EVEN, FIRST = range(6)
JUMPS = FIRST + THRESHOLDS
LENGTH = JUMPS + THRESHOLDS


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
def centers(stair: Any, mean: float, table: Any) -> int:
    """Write thresholds in units of the input, and jumps, to ``table``; return their number."""
    count = int(stair[COUNT])
    for k in range(count):
        table[k] = (mean + stair[FIRST + k]) * stair[QUANTUM]
        table[THRESHOLDS + k] = stair[JUMPS + k]
    return count
