"""Schedules written out as knots, to be followed by linear interpolation alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from qsched.schedules.base import Frozen
from qsched.schedules.methods import Ana
from qsched.schedules.places import Place, Role
from qsched.schedules.schedule import CONTROLS, Schedule

__all__ = ["Curve", "QuantizerKnots", "ResolvedKnots", "resolve"]

Fraction = Annotated[float, Field(ge=0, le=1)]
Numbers = tuple[float, ...]
Function = Callable[[np.ndarray], np.ndarray]

_DIGITS = 9
_MARGIN = 4e-9
"""How far from a break a piece is evaluated: more than the slack and the rounding of u."""


class Curve(Frozen):
    """A piecewise linear function of progress, right-continuous where ``u`` repeats.

    Attributes:
        u: progress, from 0 to 1, not decreasing.
        values: the values at ``u``.
    """

    u: Annotated[Numbers, Field(min_length=2)]
    values: Numbers

    @model_validator(mode="after")
    def _shape(self) -> Self:
        _check(self.u, {"values": self.values})
        return self


class QuantizerKnots(Frozen):
    """The controls of quantizers that share their curves.

    Attributes:
        role: what they quantize.
        depths: their relative depths.
        names: their module names, if the network has any.
        u: progress at the knots, from 0 to 1, not decreasing; equal neighbors are a jump.
        forward_std, mean, backward_std: of the noise, in quanta (annealed quantizers).
        frozen: frozen fraction (incrementally frozen weights).
    """

    role: Role
    depths: Annotated[tuple[Fraction, ...], Field(min_length=1)]
    names: tuple[str, ...] | None = None
    u: Annotated[Numbers, Field(min_length=2)]
    forward_std: Numbers | None = None
    mean: Numbers | None = None
    backward_std: Numbers | None = None
    frozen: Numbers | None = None

    @property
    def controls(self) -> dict[str, Numbers]:
        """The control values at the knots, by name."""
        columns = (self.forward_std, self.mean, self.backward_std, self.frozen)
        named = zip(CONTROLS, columns, strict=True)
        return {name: values for name, values in named if values is not None}

    @model_validator(mode="after")
    def _shape(self) -> Self:
        if not self.controls:
            raise ValueError("give the values of at least one control")
        _check(self.u, self.controls)
        return self


class ResolvedKnots(Frozen):
    """A schedule written out, to be followed by linear interpolation alone.

    Between two knots a control is linear in progress; where ``u`` repeats, the last of the equal
    knots holds from there on, as :func:`numpy.interp` does it.

    Attributes:
        tolerance: largest distance of the knots from the schedule, in quanta or as a fraction; for
            the learning rate as a share of the initial one.
        quantizers: the curves, for all quantizers of a network that are not in full precision.
        learning_rate: the learning rate.
    """

    tolerance: Annotated[float, Field(gt=0)]
    quantizers: tuple[QuantizerKnots, ...]
    learning_rate: Curve


def resolve(schedule: Schedule, places: Sequence[Place], tolerance: float = 1e-3) -> ResolvedKnots:
    """Write a schedule out for the quantizers of a network.

    Args:
        schedule: the schedule.
        places: the quantizers.
        tolerance: largest distance allowed; see :class:`ResolvedKnots`.

    Raises:
        ValueError: ``tolerance`` is not > 1e-8, the resolution of the knots.

    >>> from qsched.schedules import LearningRate, Window
    >>> linear = Schedule(
    ...     window=Window(end=0.7),
    ...     weights=Ana(forward_std=0.5, backward_std=0.5),
    ...     learning_rate=LearningRate(initial=0.01),
    ... )
    >>> knots = resolve(linear, [Place("weights", 0.0), Place("weights", 1.0)])
    >>> knots.quantizers[0].u, knots.quantizers[0].forward_std
    ((0.0, 0.7, 1.0), (0.5, 0.0, 0.0))
    >>> knots.learning_rate.u, knots.learning_rate.values
    ((0.0, 0.8, 0.8, 1.0), (0.01, 0.01, 0.001, 0.001))
    """
    if not tolerance > 1e-8:
        raise ValueError(f"tolerance must be > 1e-8, but got {tolerance}")
    groups: dict[tuple[Role, str], list[tuple[Place, dict[str, Numbers]]]] = {}
    for place in places:
        columns = _columns(schedule, place)
        if columns:
            knots = _quantizer(schedule, place, columns, tolerance)
            groups.setdefault((place.role, repr(knots)), []).append((place, knots))
    rate = schedule.learning_rate
    u, values = _trace(
        lambda u: schedule.learning_rates(u)[:, None],
        rate.breaks(schedule.stages()),
        tolerance * rate.initial,
    )
    return ResolvedKnots(
        tolerance=tolerance,
        quantizers=tuple(_group(members) for members in groups.values()),
        learning_rate=Curve(u=u, values=values[0]),
    )


def _columns(schedule: Schedule, place: Place) -> list[str]:
    method = schedule.method(place)
    if method is None:
        return []
    return ["forward_std", "mean", "backward_std"] if isinstance(method, Ana) else ["frozen"]


def _quantizer(
    schedule: Schedule, place: Place, columns: list[str], tolerance: float
) -> dict[str, Numbers]:
    used = [CONTROLS.index(name) for name in columns]
    breaks = {*schedule.curve(place).breaks(), *schedule.curve(place, backward=True).breaks()}
    u, values = _trace(lambda u: schedule.at(u, [place])[:, 0, used], breaks, tolerance)
    return {"u": u, **dict(zip(columns, values, strict=True))}


def _group(members: list[tuple[Place, dict[str, Numbers]]]) -> QuantizerKnots:
    places = [place for place, _ in members]
    names = tuple(place.name for place in places)
    return QuantizerKnots(
        role=places[0].role,
        depths=tuple(place.depth for place in places),
        names=names if any(names) else None,
        **members[0][1],
    )


def _trace(
    function: Function, breaks: Iterable[float], tolerance: float
) -> tuple[Numbers, list[Numbers]]:
    """Return knots of a function of u that is smooth between breaks: u, and values by column."""
    u: list[float] = []
    rows: list[np.ndarray] = []
    edges = _apart(breaks)
    for a, b in itertools.pairwise(edges):
        inner, values = _piece(function, a, b - _MARGIN, tolerance / 2)
        # Where the function is continuous, the last piece ends with this very knot.
        joined = bool(rows) and bool(np.max(np.abs(rows[-1] - values[0])) <= tolerance / 4)
        kept = len(rows) - joined
        u, rows = [*u[:kept], _early(a), *inner[1:-1], _early(b)], [*rows[:kept], *values]
    last = function(np.array([1.0]))[0]
    kept = len(rows) - bool(np.max(np.abs(rows[-1] - last)) <= tolerance / 4)
    u, rows = [*u[:kept], 1.0], [*rows[:kept], last]
    table = np.round(np.array(rows), _DIGITS)
    bends = _bends(np.array(u), table)
    inner = [round(x, _DIGITS) for x, bend in zip(u, bends, strict=True) if bend]
    return tuple(inner), [tuple(column) for column in table[bends].T.tolist()]


def _apart(breaks: Iterable[float]) -> list[float]:
    """Return 0, the breaks that are well apart from it and from each other, and 1."""
    apart = [0.0]
    for b in sorted(breaks):
        if b - apart[-1] > 4 * _MARGIN and 1 - b > 4 * _MARGIN:
            apart.append(b)
    return [*apart, 1.0]


def _early(u: float) -> float:
    """Return a break rounded down, so that nothing that is due at it comes a step late."""
    scale = 10**_DIGITS
    # The small summand keeps 0.3, computed as 0.29999999999999998, from becoming 0.299999999.
    return float(np.floor(u * scale + 1e-3) / scale)


def _bends(u: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return which knots are needed: not those on the straight line between their neighbors."""
    bends = np.ones(len(u), dtype=bool)
    left = 0
    for i in range(1, len(u) - 1):
        if u[left] < u[i] < u[i + 1]:
            share = (u[i] - u[left]) / (u[i + 1] - u[left])
            line = table[left] + share * (table[i + 1] - table[left])
            bends[i] = bool(np.max(np.abs(line - table[i])) > 10.0**-_DIGITS)
        if bends[i]:
            left = i
    return bends


def _piece(
    function: Function, a: float, b: float, tolerance: float
) -> tuple[list[float], list[np.ndarray]]:
    """Return knots from ``a`` to ``b``, halving intervals until a straight line is good enough."""
    share = np.arange(9)[:, None] / 8
    found = {a: function(np.array([a]))[0]}
    left, right = np.array([a]), np.array([b])
    while left.size:
        points = left + (right - left) * share
        values = function(points.ravel()).reshape(*points.shape, -1)
        line = values[0] + (values[-1] - values[0]) * share[..., None]
        good = np.max(np.abs(values - line), axis=(0, 2)) <= tolerance
        good |= right - left < _MARGIN
        found.update(zip(right[good].tolist(), values[-1, good], strict=True))
        left, right, middle = left[~good], right[~good], points[4, ~good]
        left, right = np.concatenate((left, middle)), np.concatenate((middle, right))
    return sorted(found), [found[u] for u in sorted(found)]


def _check(u: Numbers, columns: dict[str, Numbers]) -> None:
    if u[0] != 0 or u[-1] != 1 or any(b < a for a, b in itertools.pairwise(u)):
        raise ValueError("u must run from 0 to 1 and not decrease")
    for name, values in columns.items():
        if len(values) != len(u):
            raise ValueError(f"{name} needs {len(u)} values, as u has, but got {len(values)}")
