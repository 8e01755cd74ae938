"""The precision of a model of one's own: as in study files, with errors in plain words."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from qsched import specs
from qsched.errors import InputError

__all__ = ["Precision"]


class Precision(specs.Precision):
    """Levels of the quantized weights and activations.

    Args:
        weights: levels of the weights: ``ternary``, ``binary``, ``2-bit``, ``4-bit``, a
            ``power-of-two-N``, or ``float``.
        activations: levels of the activations.
        first: whether the first layer's weights are quantized.
        last: whether the last layer's weights are quantized.

    Raises:
        InputError: no such levels or no such field; with every fault.

    >>> Precision(weights="4-bit").activations
    'ternary'
    """

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InputError("\n".join(map(_fault, error.errors()))) from error


def _fault(error: Any) -> str:
    field, found = ".".join(map(str, error["loc"])), error["input"]
    if error["type"] == "extra_forbidden":
        return f"a precision has the fields {', '.join(specs.Precision.model_fields)}, not {field}"
    return f"{field} of a precision: {error['msg'].lower()}, but got {found!r}"
