r"""From normalization and a threshold to an integer: exact, in rational arithmetic.

An integer sum a stands for the value :math:`v = u\,a + b`; normalization and a stair ask whether

.. math:: \gamma \frac{v - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta \ge t

For :math:`\gamma > 0` this is :math:`a \ge p \sqrt{r} + q` with rational p, q and
:math:`r = \sigma^2 + \epsilon`, decided by comparing squares. For :math:`\gamma < 0` the caller
flips the sign of a (that is, of the weights) and of :math:`v`; for :math:`\gamma = 0` the answer
is that of :math:`\beta \ge t`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Affine", "integer_threshold"]


@dataclass(frozen=True)
class Affine:
    r"""The value :math:`slope (unit\,a + offset) / \sqrt{radicand} + shift` of an integer a.

    Attributes:
        unit: > 0.
        offset: added before normalization.
        slope: of the normalization.
        radicand: variance + eps, > 0.
        shift: of the normalization.
    """

    unit: Fraction
    offset: Fraction = Fraction(0)
    slope: Fraction = Fraction(1)
    radicand: Fraction = Fraction(1)
    shift: Fraction = Fraction(0)

    def flipped(self) -> Affine:
        """Return the same value as a function of -a, with positive slope for a negative one."""
        return Affine(self.unit, -self.offset, -self.slope, self.radicand, self.shift)


def integer_threshold(affine: Affine, threshold: Fraction, low: int, high: int) -> int:
    """Return the smallest integer a in [low, high] whose value reaches ``threshold``.

    Args:
        affine: of slope >= 0.
        threshold: in units of the value.
        low: smallest integer that a can be.
        high: largest integer that a can be.

    Returns:
        An integer in [low, high + 1]; ``low`` says always, ``high + 1`` never.

    >>> integer_threshold(Affine(Fraction(1, 2)), Fraction(1, 2), -10, 10)
    1
    >>> integer_threshold(Affine(Fraction(1), slope=Fraction(0)), Fraction(1, 2), -10, 10)
    11
    """
    if affine.slope == 0:
        return low if affine.shift >= threshold else high + 1
    p = (threshold - affine.shift) / (affine.slope * affine.unit)
    q = -affine.offset / affine.unit
    square = p * p * affine.radicand

    def reached(a: int) -> bool:
        x = a - q
        if p >= 0:
            return x >= 0 and x * x >= square
        return x >= 0 or x * x <= square

    return low + bisect_left(range(low, high + 1), True, key=reached)
