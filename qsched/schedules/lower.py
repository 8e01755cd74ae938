"""Schedule files in the formats of others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from qsched.errors import UnknownNameError
from qsched.schedules.file import ScheduleFile, dump
from qsched.schedules.lower_quantlab import lower_quantlab
from qsched.schedules.lower_table import lower_table
from qsched.schedules.places import Place, Role, depths

__all__ = ["FORMATS", "Format", "layer_places", "lower"]

Format = Literal["yaml", "json", "quantlab", "table"]
FORMATS: tuple[Format, ...] = ("yaml", "json", "quantlab", "table")


def lower(
    file: ScheduleFile,
    form: str,
    places: Sequence[Place],
    *,
    length: int = 100,
    tolerance: float = 1e-6,
) -> str:
    """Return a schedule file as text in one of :data:`FORMATS`.

    ``yaml`` and ``json`` are the file itself, which qsched reads; ``quantlab`` is part of a
    configuration of pulp-platform/quantlab; ``table`` is CSV.

    Args:
        file: the schedule.
        form: the format.
        places: the quantizers of the network, for ``quantlab`` and ``table``.
        length: of the training: epochs for ``quantlab``, steps for ``table``.
        tolerance: see :func:`qsched.schedules.lower_quantlab.lower_quantlab`.

    Raises:
        UnknownNameError: no such format.
        InputError: quantlab cannot express the schedule, or the length is less than 1.

    >>> from qsched.schedules.file import load_schedule
    >>> table = lower(load_schedule("inq-halves"), "table", layer_places(1), length=4)
    >>> print(table.splitlines()[0])
    step,learning_rate,quantizer,role,depth,forward_std,mean,backward_std,frozen
    """
    match form:
        case "yaml":
            return dump(file)
        case "json":
            return _json(file.model_dump(mode="json", exclude_none=True))
        case "quantlab":
            return _json(lower_quantlab(file.schedule, places, length, tolerance).config)
        case "table":
            return lower_table(file.schedule, places, length)
    raise UnknownNameError("format", form, FORMATS)


def layer_places(count: int) -> tuple[Place, ...]:
    """Return the quantizers of a chain of ``count`` layers, each followed by an activation.

    >>> [place.name for place in layer_places(2)]
    ['layer1', 'layer2', 'layer1.activation', 'layer2.activation']
    """
    suffixes: dict[Role, str] = {"weights": "", "activations": ".activation"}
    return tuple(
        Place(role, depth, f"layer{i}{suffix}")
        for role, suffix in suffixes.items()
        for i, depth in enumerate(depths(count), start=1)
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
