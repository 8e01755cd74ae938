"""Small formulas of task features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Form", "Formula", "evaluate"]

Form = Literal["constant", "power", "log", "min", "max", "product"]

_NODES: dict[Form, int] = {"constant": 1, "power": 5, "log": 6, "min": 7, "max": 7, "product": 9}


@dataclass(frozen=True)
class Formula:
    r"""A formula of at most two features, at most 9 nodes.

    ``constant`` a; ``power`` :math:`a x^b`; ``log`` :math:`a + b \log x`; ``min`` and ``max`` of a
    number c and :math:`a x^b`; ``product`` :math:`a x^b z^c`.

    Attributes:
        form: which of them.
        features: names of x and z, as far as the form has them.
        numbers: a, b, c, as far as the form has them.
    """

    form: Form
    features: tuple[str, ...]
    numbers: tuple[float, ...]

    @property
    def nodes(self) -> int:
        """Number of operators, features and numbers."""
        return _NODES[self.form]

    def value(self, features: Mapping[str, float]) -> float:
        """Return the formula's value for a task.

        >>> round(Formula("power", ("depth",), (0.5, 2.0)).value({"depth": 3.0}), 6)
        4.5
        """
        logs = np.log([[features[name] for name in self.features]])
        return float(evaluate(self.form, np.array([self.numbers]), logs)[0, 0])

    def text(self) -> str:
        """Return the formula as people write it.

        >>> Formula("min", ("steps",), (2.0, -0.5, 0.9)).text()
        'min(0.9, 2 steps^-0.5)'
        >>> Formula("power", ("depth",), (0.2, 0.0)).text()
        '0.2'
        """
        a, *rest = (f"{number:.3g}" for number in self.numbers)
        match self.form:
            case "constant":
                return a
            case "log":
                return f"{a} {float(rest[0]):+.3g} log({self.features[0]})"
            case "power":
                if self.numbers[1] == 0:
                    return a
                return f"{a} {self.features[0]}^{rest[0]}"
            case "product":
                return f"{a} {self.features[0]}^{rest[0]} {self.features[1]}^{rest[1]}"
            case "min" | "max":
                return f"{self.form}({rest[1]}, {a} {self.features[0]}^{rest[0]})"


def evaluate(form: Form, numbers: np.ndarray, logs: np.ndarray) -> np.ndarray:
    """Return the values of N formulas of one form at T tasks, [N, T].

    Args:
        form: of the formulas.
        numbers: of each formula, [N, P].
        logs: logarithms of the features that the form has, by task, [T, F].
    """
    a = numbers[:, :1]
    if form == "constant":
        return np.repeat(a, len(logs), axis=1)
    b, x = numbers[:, 1:2], logs[None, :, 0]
    result: np.ndarray
    match form:
        case "log":
            result = a + b * x
        case "power":
            result = a * np.exp(np.clip(b * x, -50, 50))
        case "product":
            result = a * np.exp(np.clip(b * x + numbers[:, 2:3] * logs[None, :, 1], -50, 50))
        case "min":
            result = np.minimum(numbers[:, 2:3], a * np.exp(np.clip(b * x, -50, 50)))
        case "max":
            result = np.maximum(numbers[:, 2:3], a * np.exp(np.clip(b * x, -50, 50)))
    return result
