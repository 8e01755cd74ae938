"""The parameters of a search space: ranges and choices, some of them conditional."""

from __future__ import annotations

from math import exp, log
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from qsched.schedules.base import Frozen

__all__ = ["Choice", "Float", "Int", "Parameter", "Value", "is_active"]

Value = float | int | str

When = dict[str, Annotated[tuple[str, ...], Field(min_length=1)]]
"""Choice parameter -> those of its choices under which this parameter is active."""


class Float(Frozen):
    """A real number.

    Attributes:
        low, high: the closed range.
        log: search on a logarithmic scale.
        when: the condition under which it is active; empty is always.
        about: what it means, with its unit.

    >>> end = Float(low=0.4, high=1.0)
    >>> end.holds(0.4), end.holds(0.3), end.holds(float("nan"))
    (True, False, False)
    """

    type: Literal["float"] = "float"
    low: float
    high: float
    log: bool = False
    when: When = {}
    about: str = ""

    def holds(self, value: object) -> bool:
        """Return whether ``value`` lies in the range."""
        if not isinstance(value, float | int) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high

    def draw(self, rng: np.random.Generator) -> float:
        """Return a random value, uniform on the scale of the search."""
        if not self.log:
            return float(rng.uniform(self.low, self.high))
        value = np.exp(rng.uniform(np.log(self.low), np.log(self.high)))
        return float(np.clip(value, self.low, self.high))

    def quantile(self, share: float) -> float:
        """Return the value below which a ``share`` of the range lies, on the scale of the search.

        Rounded to six digits: enough for any schedule, and short in files. Shares beyond [0, 1]
        give the ends.

        >>> Float(low=0.01, high=1.0, log=True).quantile(0.5)
        0.1
        """
        if self.log:
            value = exp(log(self.low) + share * log(self.high / self.low))
        else:
            value = self.low + share * (self.high - self.low)
        return self.clip(float(f"{value:.6g}"))

    def share(self, value: float) -> float:
        """Return the share of the range below ``value``: the inverse of :meth:`quantile`.

        >>> Float(low=0.01, high=1.0, log=True).share(0.1)
        0.5
        """
        if self.log:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return (value - self.low) / (self.high - self.low)

    def grid(self, count: int) -> tuple[float, ...]:
        """Return ``count`` values from one end to the other, evenly on the scale of the search."""
        spaced = np.geomspace if self.log else np.linspace
        return tuple(map(float, spaced(self.low, self.high, count)))

    def clip(self, value: float) -> float:
        """Return the value of the range that is nearest to ``value``; NaN stays NaN."""
        return float(np.clip(value, self.low, self.high))

    def ends(self) -> tuple[Value, ...]:
        """Return the extreme values."""
        return self.low, self.high

    def faults(self) -> list[str]:
        """Return what is wrong with the range."""
        found = []
        if not self.low < self.high:
            found.append(f"low < high must hold, but got low={self.low}, high={self.high}")
        if self.log and self.low <= 0:
            found.append(f"a log range needs low > 0, but got low={self.low}")
        return found


class Int(Frozen):
    """A whole number in the closed range from ``low`` to ``high``.

    Attributes:
        low, high: the closed range.
        when, about: as of :class:`Float`.

    >>> Int(low=1, high=8).holds(8), Int(low=1, high=8).holds(8.0)
    (True, False)
    """

    type: Literal["int"] = "int"
    low: int
    high: int
    when: When = {}
    about: str = ""

    def holds(self, value: object) -> bool:
        """Return whether ``value`` is a whole number in the range."""
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high

    def draw(self, rng: np.random.Generator) -> int:
        """Return a random value, uniform."""
        return int(rng.integers(self.low, self.high, endpoint=True))

    def quantile(self, share: float) -> int:
        """Return the number below which a ``share`` of the range lies, for a share in [0, 1).

        >>> Int(low=1, high=4).quantile(0.99)
        4
        """
        return self.low + int(share * (self.high - self.low + 1))

    def share(self, value: float) -> float:
        """Return the middle of the shares whose quantile is ``value``.

        >>> Int(low=1, high=4).share(1)
        0.125
        """
        return (value - self.low + 0.5) / (self.high - self.low + 1)

    def grid(self, count: int) -> tuple[int, ...]:
        """Return at most ``count`` numbers from one end to the other, evenly.

        >>> Int(low=1, high=3).grid(9)
        (1, 2, 3)
        """
        return tuple(sorted(set(np.linspace(self.low, self.high, count).astype(int).tolist())))

    def clip(self, value: float) -> float:
        """Return the number of the range that is nearest to ``value``; NaN stays NaN."""
        return float(np.clip(value, self.low, self.high))

    def ends(self) -> tuple[Value, ...]:
        """Return the extreme values."""
        return self.low, self.high

    def faults(self) -> list[str]:
        """Return what is wrong with the range."""
        if self.low < self.high:
            return []
        return [f"low < high must hold, but got low={self.low}, high={self.high}"]


class Choice(Frozen):
    """One of several names.

    Attributes:
        choices: the names, in their order.
        when, about: as of :class:`Float`.

    >>> Choice(choices=("normal", "uniform")).holds("logistic")
    False
    """

    type: Literal["choice"] = "choice"
    choices: Annotated[tuple[str, ...], Field(min_length=1)]
    when: When = {}
    about: str = ""

    def holds(self, value: object) -> bool:
        """Return whether ``value`` is one of the choices."""
        return value in self.choices

    def draw(self, rng: np.random.Generator) -> str:
        """Return a random choice, uniform."""
        return self.choices[int(rng.integers(len(self.choices)))]

    def quantile(self, share: float) -> str:
        """Return the choice at a ``share`` in [0, 1) of the list.

        >>> Choice(choices=("a", "b")).quantile(0.5)
        'b'
        """
        return self.choices[int(share * len(self.choices))]

    def grid(self, count: int) -> tuple[str, ...]:
        """Return all choices, whatever ``count``."""
        return self.choices

    def ends(self) -> tuple[Value, ...]:
        """Return all choices."""
        return self.choices

    def faults(self) -> list[str]:
        """Return what is wrong with the choices."""
        if len(set(self.choices)) == len(self.choices):
            return []
        return [f"choices must differ, but got {list(self.choices)}"]


Parameter = Annotated[Float | Int | Choice, Field(discriminator="type")]


def is_active(parameter: Parameter, chosen: dict[str, Value]) -> bool:
    """Return whether the condition of ``parameter`` holds among the values chosen before it.

    >>> rate = Float(low=1.0, high=9.0, when={"shape": ("exponential",)})
    >>> is_active(rate, {"shape": "exponential"}), is_active(rate, {"shape": "cosine"})
    (True, False)
    """
    return all(chosen.get(name) in values for name, values in parameter.when.items())
