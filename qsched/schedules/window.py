"""When each quantizer hardens: a base window, moved with depth and by role."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from qsched.schedules.base import Frozen

__all__ = ["Lag", "Window"]

Fraction = Annotated[float, Field(ge=0, le=1)]
Signed = Annotated[float, Field(ge=-1, le=1)]


class Window(Frozen):
    r"""The part of training in which a quantizer hardens, as a function of depth d.

    With length W = end - start and offsets a (start) and b (end),

    .. math::
        s(d) = start + W\,(a\,d \text{ if } a \ge 0 \text{ else } |a|\,(1 - d)) \\
        e(d) = \max(s(d),\ end - W\,(b\,(1 - d) \text{ if } b \ge 0 \text{ else } |b|\,d))

    so ``start`` is the earliest opening and ``end`` the latest closing over all depths, whatever
    the offsets. An offset > 0 moves lower layers first, 0 all together, < 0 upper layers first.
    Where an opening slope and a closing slope of opposite sign would cross, the window is the
    single point s(d).

    With seven layers, offsets (0, 0), (0, 6/7), (-6/7, 0) and (6/7, 6/7) are the intervals
    overlapped, same start, same end and partition of Spallanzani et al., CVPR 2022.

    Attributes:
        start: earliest opening, fraction of training in [0, end].
        end: latest closing, fraction of training in [start, 1].
        offset_start: how far openings spread over depth, in window lengths, in [-1, 1].
        offset_end: how far closings spread over depth, in window lengths, in [-1, 1].

    Raises:
        ValidationError: the window closes before it opens, or a number is out of its range.

    >>> partition = Window(start=0.0, end=0.7, offset_start=6 / 7, offset_end=6 / 7)
    >>> start, end = partition.bounds(np.array([0.0, 0.5, 1.0]))
    >>> start.round(12).tolist(), end.round(12).tolist()
    ([0.0, 0.3, 0.6], [0.1, 0.4, 0.7])
    """

    start: Fraction = 0.0
    end: Fraction = 1.0
    offset_start: Signed = 0.0
    offset_end: Signed = 0.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start > self.end:
            raise ValueError(
                f"a window needs start <= end, but got start={self.start}, end={self.end}; "
                "exchange them or widen the window"
            )
        return self

    def stretched(self, end: float) -> Window:
        """Return this window on a time axis scaled such that it closes at ``end``.

        >>> Window(start=0.25, end=0.5, offset_end=0.5).stretched(1.0)
        Window(start=0.5, end=1.0, offset_start=0.0, offset_end=0.5)

        Raises:
            ValueError: this window closes at 0, or ``end`` lies outside [0, 1].
        """
        if not self.end > 0:
            raise ValueError("a window that closes at 0 cannot be stretched")
        return Window(
            start=self.start * end / self.end,
            end=end,
            offset_start=self.offset_start,
            offset_end=self.offset_end,
        )

    def bounds(self, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return opening and closing at each depth in [0, 1], as fractions of training.

        Args:
            depth: relative depths, of any shape; NaN yields NaN.

        Returns:
            Two arrays of the shape of ``depth``, the closing nowhere before the opening.
        """
        length = self.end - self.start
        a, b = self.offset_start, self.offset_end
        start = self.start + length * (a * depth if a >= 0 else -a * (1 - depth))
        end = self.end - length * (b * (1 - depth) if b >= 0 else -b * depth)
        return start, np.maximum(start, end)


class Lag(Frozen):
    """How far one coupled quantizer trails another of its layer, in fractions of training.

    A lag moves both ends of a window; what it moves out of training is cut at 0 and at 1.

    Attributes:
        activations: activation quantizers behind weight quantizers (< 0: ahead of them), in
            [-1, 1].
        backward: backward noise behind forward noise, in [-1, 1].

    >>> Lag(activations=0.1)
    Lag(activations=0.1, backward=0.0)
    """

    activations: Signed = 0.0
    backward: Signed = 0.0
