"""The hardening curve of one quantizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qsched.schedules.base import SLACK
from qsched.schedules.decay import Decay, Knots, Power, Steps

__all__ = ["HardeningCurve", "hardened"]


@dataclass(frozen=True)
class HardeningCurve:
    r"""h(u) of one quantizer: a decay shape inside a window.

    .. math::
        h(u) = 0 \text{ for } u \le start, \quad 1 \text{ for } u \ge end, \quad
        shape\left(\frac{u - start}{end - start}, depth\right) \text{ between}

    so h is non-decreasing and right-continuous, and a window of length 0 is a jump. Everything
    that is due at u happens :data:`~qsched.schedules.base.SLACK` = 1e-9 earlier, so that rounding
    of u, start or end cannot delay it by a step.

    Attributes:
        start: progress at which the window opens, in [0, end].
        end: progress at which it closes, in [start, 1].
        decay: the decay shape.
        depth: relative depth of the quantizer, in [0, 1].

    >>> curve = HardeningCurve(0.2, 0.6, Steps(stages=2), 0.0)
    >>> curve.hardened(np.array([0.2, 0.4, 0.6, 1.0])).tolist()
    [0.0, 0.5, 1.0, 1.0]
    """

    start: float
    end: float
    decay: Decay
    depth: float

    def hardened(self, u: np.ndarray) -> np.ndarray:
        """Return h at progress ``u`` in [0, 1], of any shape; NaN yields NaN."""
        inner = self.decay(self._inside(u), np.asarray(self.depth))
        return np.where(u >= self.end - SLACK, 1.0, np.where(u <= self.start, 0.0, inner))

    def relaxed(self, u: np.ndarray) -> np.ndarray:
        """Return 1 - h at progress ``u``, exact to rounding where h is near 1.

        >>> curve = HardeningCurve(0.0, 1.0, Power(exponent=20.0), 0.0)
        >>> bool(np.isclose(curve.relaxed(np.array([0.99]))[0], 1e-40, rtol=1e-12, atol=0))
        True
        """
        inner = self.decay.rest(self._inside(u), np.asarray(self.depth))
        return np.where(u >= self.end - SLACK, 0.0, np.where(u <= self.start, 1.0, inner))

    def identity(self) -> tuple[float, ...]:
        """Return numbers that two curves share only if they are the same function.

        They hold while the decay shape lives; the depth counts where the shape depends on it.

        >>> decay = Power()
        >>> low, high = HardeningCurve(0.0, 0.7, decay, 0.0), HardeningCurve(0.0, 0.7, decay, 0.5)
        >>> low.identity() == high.identity()
        True
        """
        decay, depth = self.decay, 0.0
        if isinstance(decay, Power) and decay.exponent != decay.exponent_last:
            depth = self.depth
        return self.start, self.end, id(decay), depth

    def breaks(self) -> tuple[float, ...]:
        """Return the progress at which h may jump or bend, increasing.

        >>> HardeningCurve(0.2, 0.6, Steps(stages=2), 0.0).breaks()
        (0.2, 0.4, 0.6)
        """
        match self.decay:
            case Steps() as steps:
                parts = len(steps.levels)
            case Knots() as knots:
                parts = len(knots.values) + 1
            case _:
                parts = 1
        length = self.end - self.start
        return tuple(self.start + length * k / parts for k in range(parts)) + (self.end,)

    def _inside(self, u: np.ndarray) -> np.ndarray:
        length = self.end - self.start
        # A window shorter than the slack is a jump: what it holds is never looked at.
        return np.clip((u - self.start) / (length if length > SLACK else 1.0), 0, 1)


def hardened(curves: Sequence[HardeningCurve], u: np.ndarray) -> list[np.ndarray]:
    """Return h of every curve at progress ``u``; equal curves are computed once."""
    keys = [curve.identity() for curve in curves]
    known = {key: curve.hardened(u) for key, curve in dict(zip(keys, curves, strict=True)).items()}
    return [known[key] for key in keys]
