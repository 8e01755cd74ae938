r"""Stair functions: the quantizers that a network ends up with.

.. math:: Q(x) = q_0 + \sum_{i=1}^{K} (q_i - q_{i-1})\,H(x - t_i), \qquad H(0) = 1

with levels :math:`q_0 < \dots < q_K` and thresholds :math:`t_1 < \dots < t_K`; the quantum
:math:`\epsilon` scales both axes: :math:`\epsilon\,Q(x / \epsilon)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from qsched.errors import InputError, UnknownNameError

__all__ = ["STAIRS", "Stair", "level_stair", "stair"]


@dataclass(frozen=True)
class Stair:
    """A stair function.

    Attributes:
        levels: K + 1 values, increasing, in quanta.
        thresholds: where it jumps to levels 1 ... K, increasing, in quanta.
        quantum: the unit of levels, thresholds and noise; > 0.

    Raises:
        InputError: levels or thresholds do not increase, their numbers do not fit, or the quantum
            is not positive.

    >>> relu = Stair(levels=(0.0, 1.0, 2.0), thresholds=(0.5, 1.5), quantum=0.5)
    >>> relu.edges, relu.jumps, relu.even
    ((0.25, 0.75), (1.0, 1.0), True)
    """

    levels: tuple[float, ...]
    thresholds: tuple[float, ...]
    quantum: float = 1.0

    def __post_init__(self) -> None:
        if len(self.levels) != len(self.thresholds) + 1 or not self.thresholds:
            raise InputError(
                "a stair needs one level more than thresholds, and a threshold, but got "
                f"{len(self.levels)} levels and {len(self.thresholds)} thresholds"
            )
        for name, values in (("levels", self.levels), ("thresholds", self.thresholds)):
            if not all(low < high for low, high in pairwise(values)):
                raise InputError(f"{name} of a stair must increase, but got {list(values)}")
        if not self.quantum > 0:
            raise InputError(f"the quantum of a stair must be > 0, but got {self.quantum}")

    @cached_property
    def jumps(self) -> tuple[float, ...]:
        """Height of the jump at each threshold, in quanta."""
        return tuple(high - low for low, high in pairwise(self.levels))

    @cached_property
    def edges(self) -> tuple[float, ...]:
        """The thresholds, in units of the input."""
        return tuple(threshold * self.quantum for threshold in self.thresholds)

    @cached_property
    def center(self) -> float:
        """Midpoint of the lowest and the highest level, in quanta."""
        return (self.levels[0] + self.levels[-1]) / 2

    @cached_property
    def even(self) -> bool:
        """Whether all jumps are equal and all thresholds one quantum apart."""
        first = self.thresholds[0]
        return len(set(self.jumps)) == 1 and all(
            t == first + i for i, t in enumerate(self.thresholds)
        )


def _nearest(levels: tuple[float, ...], quantum: float = 1.0) -> Stair:
    """Return the stair that rounds to the nearest of ``levels``, ties up."""
    middles = tuple((low + high) / 2 for low, high in pairwise(levels))
    return Stair(levels, middles, quantum)


def _signed(bits: int, quantum: float = 1.0) -> Stair:
    """Return the stair of the integers that ``bits`` bits hold in two's complement."""
    return _nearest(tuple(map(float, range(-(2 ** (bits - 1)), 2 ** (bits - 1)))), quantum)


def _powers_of_two(bits: int) -> Stair:
    """Return the stair of 0 and the powers of two up to 2, 2^(bits - 1) + 1 levels in all."""
    powers = [2.0 ** (1 - k) for k in range(2 ** (bits - 2))]
    return _nearest((*(-p for p in powers), 0.0, *reversed(powers)))


# The 4-bit quantum is a third because a uniform quantizer of 16 levels has the least squared error
# on unit-variance normal inputs, those behind batch normalization, at a step near 0.335 (Max,
# Quantizing for minimum distortion, 1960); a quantum of 1 would leave most of its levels unused.
STAIRS = {
    "ternary": _nearest((-1.0, 0.0, 1.0)),
    "binary": _nearest((-1.0, 1.0)),
    "2-bit": _signed(2),
    "4-bit": _signed(4, quantum=1 / 3),
    "power-of-two-3": _powers_of_two(3),
    "power-of-two-5": _powers_of_two(5),
}


def stair(levels: str, quantum: float | None = None) -> Stair:
    """Return the stair function of the given levels.

    Args:
        levels: ``ternary`` {-1, 0, 1}; ``binary`` {-1, 1}; ``2-bit`` {-2 ... 1} and ``4-bit``
            {-8 ... 7}, two's complement integers; ``power-of-two-3`` and ``power-of-two-5``, 0 and
            the powers of two up to 2, 5 and 17 levels. All round to the nearest level, ties up.
        quantum: instead of the stair's own, which suits inputs of unit variance: 1/3 for
            ``4-bit``, else 1. For weights use 1: batch normalization absorbs their scale.

    Raises:
        UnknownNameError: no stair function has this name (``float`` has none).

    >>> stair("ternary")
    Stair(levels=(-1.0, 0.0, 1.0), thresholds=(-0.5, 0.5), quantum=1.0)
    """
    if levels not in STAIRS:
        raise UnknownNameError("stair function", levels, STAIRS)
    found = STAIRS[levels]
    return found if quantum is None else Stair(found.levels, found.thresholds, quantum)


def level_stair(levels: str, quantum: float | None) -> Stair | None:
    """Return the stair of some levels; None for ``float``."""
    return None if levels == "float" else stair(levels, quantum)
