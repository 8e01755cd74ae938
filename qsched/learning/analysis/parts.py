"""Parts of a schedule that can be exchanged one by one: what ablations and rules speak of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from qsched.schedules import Schedule

__all__ = ["PARTS", "differing", "exchanged"]

_BOTH = ("weights", "activations")

PARTS: MappingProxyType[str, MappingProxyType[str, tuple[tuple[str, ...], ...]]] = (
    MappingProxyType(
        {
            "ana": MappingProxyType(
                {
                    "backward noise": tuple(
                        (role, key) for role in _BOTH for key in ("backward_std", "backward_floor")
                    ),
                    "forward noise": tuple(
                        (role, key)
                        for role in _BOTH
                        for key in ("forward", "forward_std", "mean", "mean_decay")
                    ),
                    "noise family": tuple((role, "family") for role in _BOTH),
                    "end": (("window", "start"), ("window", "end")),
                    "order of layers": (("window", "offset_start"), ("window", "offset_end")),
                    "lag": (("lag",),),
                    "decay shape": (("decay",),),
                    "learning rate": (("learning_rate",),),
                }
            ),
            "inq": MappingProxyType(
                {
                    "activations": (("activations",),),
                    "partition": (("weights", "partition"),),
                    "optimizer state": (("weights", "reset_optimizer"),),
                    "window": (("window", "start"), ("window", "end")),
                    "order of layers": (("window", "offset_start"), ("window", "offset_end")),
                    "stages": (("decay",),),
                    "learning rate": (("learning_rate",),),
                }
            ),
        }
    )
)
"""Algorithm -> part -> places in a schedule's plain data."""


def exchanged(schedule: Schedule, donor: Schedule, parts: Sequence[str]) -> Schedule:
    """Return ``schedule`` with some parts of ``donor``.

    The algorithm is that of ``schedule``. The initial learning rate is never exchanged: it is
    tuned for every schedule.

    Raises:
        ValueError: the two have different algorithms.

    >>> from qsched.schedules.file import load_schedule
    >>> one, other = (load_schedule(f"ana-{n}").schedule for n in ("ste-static", "2019-partition"))
    >>> exchanged(one, other, list(PARTS["ana"])).at(0.3, []) is not None
    True
    """
    algorithm = _algorithm(schedule)
    if algorithm != _algorithm(donor):
        raise ValueError("parts are exchanged between schedules of one algorithm")
    data, source = schedule.model_dump(mode="json"), donor.model_dump(mode="json")
    for part in parts:
        for path in PARTS[algorithm][part]:
            _put(data, path, _get(source, path))
    data["learning_rate"]["initial"] = schedule.learning_rate.initial
    return Schedule.model_validate(data, strict=False)


def differing(schedule: Schedule, donor: Schedule) -> list[str]:
    """Return the parts in which two schedules of one algorithm differ."""
    return [
        part
        for part in PARTS[_algorithm(schedule)]
        if exchanged(schedule, donor, [part]) != schedule
    ]


def _algorithm(schedule: Schedule) -> str:
    return "inq" if schedule.weights is not None and schedule.weights.kind == "inq" else "ana"


def _get(data: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    node: Any = data
    for key in path:
        node = node[key]
    return node


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    node: Any = data
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
