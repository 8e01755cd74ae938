"""Decay shapes: how hardening grows from 0 to 1 inside its window.

A shape is a function h(x, d) of the progress x in [0, 1] through the window and of the depth d,
with h(0) = 0, h(1) = 1, non-decreasing in x.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from qsched.schedules.base import Frozen

__all__ = ["Cosine", "Decay", "Exponential", "Knots", "Logistic", "Power", "Steps"]

Positive = Annotated[float, Field(gt=0)]


class Power(Frozen):
    r"""h = 1 - (1 - x)^p(d), with p(d) = exponent + exponent_slope d.

    p = 1 is linear; p > 1 hardens early, p < 1 late.
    """

    shape: Literal["power"] = "power"
    exponent: Positive = 1.0
    exponent_slope: float = 0.0

    @model_validator(mode="after")
    def _positive_at_every_depth(self) -> Self:
        if self.exponent + self.exponent_slope <= 0:
            raise ValueError(
                "exponent + exponent_slope (the exponent at depth 1) must be > 0, but got "
                f"{self.exponent} + {self.exponent_slope}; raise one of them"
            )
        return self

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        power: np.ndarray = (1 - x) ** (self.exponent + self.exponent_slope * depth)
        return 1 - power


class Cosine(Frozen):
    r"""h = (1 - cos(pi x)) / 2."""

    shape: Literal["cosine"] = "cosine"

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        h: np.ndarray = (1 - np.cos(np.pi * x)) / 2
        return h


class Exponential(Frozen):
    r"""h = (1 - e^(-k x)) / (1 - e^(-k)) with rate k > 0; k -> 0 is linear."""

    shape: Literal["exponential"] = "exponential"
    rate: Positive

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        h: np.ndarray = np.expm1(-self.rate * x) / np.expm1(-self.rate)
        return h


class Logistic(Frozen):
    r"""h = (s(x) - s(0)) / (s(1) - s(0)) with s(x) = 1 / (1 + e^(-k (x - c))).

    k is the steepness, c the center.
    """

    shape: Literal["logistic"] = "logistic"
    steepness: Positive
    center: Annotated[float, Field(ge=0, le=1)] = 0.5

    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        low, high, s = (
            0.5 * np.tanh(0.5 * self.steepness * (v - self.center)) for v in (0.0, 1.0, x)
        )
        h: np.ndarray = (s - low) / (high - low)
        return h


class Steps(Frozen):
    r"""A stair of n stages of equal length: at x = k / n, h rises to fractions[k - 1].

    ``stages = n`` alone means equal rises, fractions k / n. ``fractions`` lists them instead:
    increasing, in (0, 1], the last one 1.
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
        # A jump at k / n must not be missed because u, start and end were rounded.
        stage = np.floor(x * (len(levels) - 1) + 1e-9).astype(int)
        h: np.ndarray = levels[np.clip(stage, 0, len(levels) - 1)]
        return h


class Knots(Frozen):
    r"""Linear interpolation through (k / (n + 1), values[k - 1]), from (0, 0) to (1, 1)."""

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


Decay = Annotated[
    Power | Cosine | Exponential | Logistic | Steps | Knots, Field(discriminator="shape")
]
