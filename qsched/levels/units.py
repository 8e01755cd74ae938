"""The unit of each family of noise, see :mod:`qsched.quantizers.noise` for what it measures."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["UNITS", "Unit"]


class Unit(NamedTuple):
    """A distribution's own unit.

    Attributes:
        width: the unit, in standard deviations.
        norm: what makes the bump integrate to 1.
        reach: where the sigmoid is 1/2 exactly, in float64 as well.
    """

    width: float
    norm: float
    reach: float


UNITS = {
    "uniform": Unit(2 * math.sqrt(3), 1, 0.5),
    "triangular": Unit(math.sqrt(6), 1, 1),
    "normal": Unit(math.sqrt(2), 1 / math.sqrt(math.pi), 8),
    "logistic": Unit(math.sqrt(3) / math.pi, 1, 40),
}
