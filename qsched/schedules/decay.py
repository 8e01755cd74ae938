"""Decay shapes: how hardening grows from 0 to 1 inside its window.

A shape is a function h(x, d) of the progress x in [0, 1] through the window and of the depth d in
[0, 1], with h(0) = 0, h(1) = 1, non-decreasing in x. Calling a shape gives h, which INQ reads as
the frozen fraction; :meth:`rest` gives 1 - h, which ANA reads as the share of the noise, without
the rounding that a subtraction near h = 1 would leave. x and d broadcast against each other. NaN
yields NaN, but must not be asked of :class:`Steps`; nor must anything outside [0, 1] be of any
shape.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from qsched.schedules.base import SLACK, Frozen

__all__ = ["Cosine", "Decay", "Exponential", "Knots", "Logistic", "Power", "Steps"]

Positive = Annotated[float, Field(gt=0)]


class Power(Frozen):
    r"""Power of the remaining time, with an exponent that may vary with depth.

    .. math:: 1 - h = (1 - x)^{p(d)}, \quad p(d) = exponent + (exponent\_last - exponent)\,d

    p = 1 is linear; p > 1 hardens early, p < 1 late. Exponents that fall with depth let lower
    layers harden faster (Spallanzani et al., CVPR 2022, call 14 -> 2 progressive).

    Attributes:
        exponent: p at depth 0, > 0.
        exponent_last: p at depth 1, > 0; ``exponent`` if left out.

    >>> Power(exponent=2.0)(np.array([0.0, 0.5, 1.0]), np.zeros(3)).tolist()
    [0.0, 0.75, 1.0]
    >>> Power(exponent=3.0, exponent_last=1.0)(np.full(2, 0.5), np.array([0.0, 1.0])).tolist()
    [0.875, 0.5]
    """

    shape: Literal["power"] = "power"
    exponent: Positive = 1.0
    exponent_last: Positive = Field(default_factory=lambda data: data.get("exponent", 1.0))

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        return 1 - self.rest(x, depth)

    def rest(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return 1 - h."""
        rest: np.ndarray = (1 - x) ** (
            self.exponent + (self.exponent_last - self.exponent) * depth
        )
        return rest


class Cosine(Frozen):
    r"""Half a cosine wave: slow, fast, slow.

    .. math:: h = (1 - \cos \pi x) / 2 = \sin^2(\pi x / 2)

    The shape of Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR
    2017, arXiv 1608.03983.

    >>> Cosine()(np.array([0.0, 0.5, 1.0]), np.zeros(3)).round(12).tolist()
    [0.0, 0.5, 1.0]
    """

    shape: Literal["cosine"] = "cosine"

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        h: np.ndarray = np.sin(np.pi * x / 2) ** 2
        return h

    def rest(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return 1 - h."""
        rest: np.ndarray = np.sin(np.pi * (1 - x) / 2) ** 2
        return rest


class Exponential(Frozen):
    r"""Exponential decay of what remains, scaled to end at 0.

    .. math:: h = (1 - e^{-k x}) / (1 - e^{-k})

    with rate k > 0; k -> 0 is linear. With a backward floor of e^(-k) the backward noise decays
    exactly as e^(-k x): the geometric sharpening of IR-Net's error decay estimator (Qin et al.,
    CVPR 2020).

    Attributes:
        rate: k.

    >>> Exponential(rate=2.0)(np.array([0.0, 0.5, 1.0]), np.zeros(3)).round(4).tolist()
    [0.0, 0.7311, 1.0]
    """

    shape: Literal["exponential"] = "exponential"
    rate: Positive

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        h: np.ndarray = np.expm1(-self.rate * x) / np.expm1(-self.rate)
        return h

    def rest(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return 1 - h."""
        k = self.rate
        rest: np.ndarray = np.exp(-k * x) * (np.expm1(-k * (1 - x)) / np.expm1(-k))
        return rest


class Logistic(Frozen):
    r"""A logistic S-curve, scaled to run from 0 to 1.

    .. math:: h = \frac{s(x) - s(0)}{s(1) - s(0)}, \quad s(x) = \frac{1}{1 + e^{-k (x - c)}}

    with steepness k > 0 and center c in [0, 1].

    Attributes:
        steepness: k, at most 500.
        center: c.

    >>> Logistic(steepness=10.0)(np.array([0.0, 0.5, 1.0]), np.zeros(3)).round(12).tolist()
    [0.0, 0.5, 1.0]
    """

    shape: Literal["logistic"] = "logistic"
    steepness: Annotated[float, Field(gt=0, le=500)]
    center: Annotated[float, Field(ge=0, le=1)] = 0.5

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        return self._parts(x)[0]

    def rest(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return 1 - h."""
        return self._parts(x)[1]

    def _parts(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return h and 1 - h; the smaller one is exact to rounding, the other its complement."""
        zero, one = np.zeros(()), np.ones(())
        whole = self._rise(zero, one)
        h, rest = self._rise(zero, x) / whole, self._rise(x, one) / whole
        return np.where(h < rest, h, 1 - rest), np.where(h < rest, 1 - h, rest)

    def _rise(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return 2 (s(b) - s(a)) as a product: tanh p - tanh q = sinh(p - q) / (cosh p cosh q)."""
        p, q = (self.steepness * (v - self.center) / 2 for v in (b, a))
        rise: np.ndarray = np.sinh(p - q) / (np.cosh(p) * np.cosh(q))
        return rise


class Steps(Frozen):
    r"""A stair of n stages of equal length: at x = k / n, h rises to the k-th fraction.

    A window [0, 0.8] with four stages thus rises at u = 0.2, 0.4, 0.6 and 0.8: the first stage
    before its rise is unquantized, and nothing is left to train after the last one. A rise happens
    at its x, not after it. Zhou et al. (ICLR 2017, arXiv 1702.03044) train INQ so.

    Attributes:
        stages: n, for equal rises: fractions k / n.
        fractions: or the n fractions, increasing, in (0, 1], the last one 1.

    Raises:
        ValidationError: both or neither are given, or fractions do not increase to 1.

    >>> inq = Steps(fractions=(0.5, 0.75, 0.875, 1.0))
    >>> inq(np.array([0.0, 0.24, 0.25, 0.6, 1.0]), np.zeros(5)).tolist()
    [0.0, 0.0, 0.5, 0.75, 1.0]
    """

    shape: Literal["steps"] = "steps"
    stages: Annotated[int, Field(ge=1)] | None = None
    fractions: tuple[Annotated[float, Field(gt=0, le=1)], ...] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.stages is None) == (self.fractions is None):
            raise ValueError("give either `stages` or `fractions`, not both and not neither")
        if self.fractions is not None:
            rises = np.diff((0.0, *self.fractions))
            if not self.fractions or self.fractions[-1] != 1 or not np.all(rises > 0):
                raise ValueError(
                    f"fractions must increase and end at 1, but got {list(self.fractions)}"
                )
        return self

    @property
    def levels(self) -> tuple[float, ...]:
        """The value of h after each stage."""
        if self.fractions is not None:
            return self.fractions
        stages = self.stages or 1
        return tuple(k / stages for k in range(1, stages + 1))

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        levels = np.array((0.0, *self.levels))
        stage = np.floor(x * (len(levels) - 1) + SLACK).astype(int)
        h: np.ndarray = levels[np.clip(stage, 0, len(levels) - 1)]
        return h

    def rest(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return 1 - h."""
        return 1 - self(x, depth)


class Knots(Frozen):
    r"""Linear interpolation through n inner knots, from (0, 0) to (1, 1).

    The k-th knot lies at x = k / (n + 1).

    Attributes:
        values: h at the knots, not decreasing, in [0, 1].

    Raises:
        ValidationError: there are none, or they decrease.

    >>> Knots(values=(0.8,))(np.array([0.0, 0.25, 0.5, 0.75, 1.0]), np.zeros(5)).tolist()
    [0.0, 0.4, 0.8, 0.9, 1.0]
    """

    shape: Literal["knots"] = "knots"
    values: tuple[Annotated[float, Field(ge=0, le=1)], ...]

    @model_validator(mode="after")
    def _monotone(self) -> Self:
        if not self.values or np.any(np.diff(self.values) < 0):
            raise ValueError(f"knot values must not decrease, but got {list(self.values)}")
        return self

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        heights = np.array((0.0, *self.values, 1.0))
        h: np.ndarray = np.interp(x, np.linspace(0, 1, len(heights)), heights)
        return h

    def rest(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Return 1 - h."""
        return 1 - self(x, depth)


Decay = Annotated[
    Power | Cosine | Exponential | Logistic | Steps | Knots, Field(discriminator="shape")
]
