"""The schedule: a pure function of training progress and of a quantizer's place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from qsched.files import json_digest
from qsched.schedules.base import Frozen
from qsched.schedules.curve import HardeningCurve, hardened
from qsched.schedules.decay import Decay, Power, Steps
from qsched.schedules.learning_rate import LearningRate
from qsched.schedules.methods import Ana, Inq
from qsched.schedules.places import Place, Role
from qsched.schedules.window import Lag, Window

__all__ = ["BACKWARD_STD", "CONTROLS", "FORWARD_STD", "FROZEN", "MEAN", "Override", "Schedule"]

FORWARD_STD, MEAN, BACKWARD_STD, FROZEN = range(4)
CONTROLS = ("forward_std", "mean", "backward_std", "frozen")
"""Names of the last axis of :meth:`Schedule.at`, in order."""


class Override(Frozen):
    """Another window or decay shape, or full precision, for some quantizers.

    Attributes:
        role: which role it holds for; None is both.
        depth: closed interval of relative depths it holds for; None is all.
        pattern: regular expression that the module name must match in full; None is any.
        window: replaces the schedule's window.
        decay: replaces the schedule's decay shape.
        exclude: leave these quantizers out: full precision.

    Raises:
        ValidationError: it says neither for which quantizers nor what, the depths are no interval
            within [0, 1], or the pattern is no regular expression.

    >>> Override(depth=(0.0, 0.5), exclude=True).matches(Place("weights", 0.5))
    True
    """

    role: Role | None = None
    depth: tuple[float, float] | None = None
    pattern: str | None = None
    window: Window | None = None
    decay: Decay | None = None
    exclude: bool = False

    @model_validator(mode="after")
    def _valid(self) -> Self:
        if self.role is None and self.depth is None and self.pattern is None:
            raise ValueError("an override needs at least one of `role`, `depth`, `pattern`")
        if self.window is None and self.decay is None and not self.exclude:
            raise ValueError("an override needs `window`, `decay` or `exclude: true`")
        if self.depth is not None and not 0 <= self.depth[0] <= self.depth[1] <= 1:
            raise ValueError(f"depth must be [low, high] within [0, 1], but got {self.depth}")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return self

    def matches(self, place: Place) -> bool:
        """Return whether this override holds for ``place``."""
        return (
            self.role in (None, place.role)
            and (self.depth is None or self.depth[0] <= place.depth <= self.depth[1])
            and (self.pattern is None or re.fullmatch(self.pattern, place.name) is not None)
        )


class Schedule(Frozen):
    """How every quantizer of a network hardens over training.

    One hardening curve h(u) per quantizer: 0 at or before its window opens, non-decreasing, 1 from
    the moment its window closes, hence always 1 at u = 1. (A window of length 0 is a jump: h = 1
    at it.) :class:`Ana` reads it as noise, :class:`Inq` as the frozen fraction.

    Attributes:
        window: when quantizers harden, by depth.
        decay: how they harden inside the window.
        lag: how activations trail weights, and backward noise trails forward noise.
        weights: the method for weights; None is full precision.
        activations: the method for activations; None is full precision.
        learning_rate: the learning-rate recipe it was found or published with.
        overrides: exceptions; the last one that matches a quantizer holds.

    >>> ste = Schedule(
    ...     weights=Ana(forward_std=0.0, backward_std=12**-0.5, backward_floor=1.0),
    ...     learning_rate=LearningRate(initial=0.01),
    ... )
    >>> ste.at(0.5, [Place("weights", 0.0)]).round(4).tolist()
    [[0.0, 0.0, 0.2887, 0.0]]
    """

    window: Window = Window()
    decay: Decay = Power()
    lag: Lag = Lag()
    weights: Annotated[Ana | Inq, Field(discriminator="kind")] | None = None
    activations: Ana | None = None
    learning_rate: LearningRate
    overrides: tuple[Override, ...] = ()

    def method(self, place: Place) -> Ana | Inq | None:
        """Return the method that quantizes ``place``; None is full precision."""
        override = self._override(place)
        if override is not None and override.exclude:
            return None
        return self.weights if place.role == "weights" else self.activations

    def curve(self, place: Place, *, backward: bool = False) -> HardeningCurve:
        """Return the hardening curve of ``place``, or that of its backward noise."""
        [curve] = self.curves([place], backward=backward)
        return curve

    def curves(
        self, places: Sequence[Place], *, backward: bool = False
    ) -> tuple[HardeningCurve, ...]:
        """Return the hardening curve of every quantizer, or that of its backward noise."""
        depths = np.array([place.depth for place in places])
        shifts = self.lag.backward * backward + self.lag.activations * np.array(
            [place.role == "activations" for place in places]
        )
        edges = np.clip(np.array(self.window.bounds(depths)) + shifts, 0, 1)
        decays = [self.decay] * len(places)
        for q, override in self._overridden(places):
            if override.window:
                own = np.array(override.window.bounds(depths[q]))
                edges[:, q] = np.clip(own + shifts[q], 0, 1)
            decays[q] = override.decay or self.decay
        rows = zip(*edges.tolist(), decays, depths.tolist(), strict=True)
        return tuple(HardeningCurve(*row) for row in rows)

    def hardening(
        self, u: float | np.ndarray, places: Sequence[Place], *, backward: bool = False
    ) -> np.ndarray:
        """Return h of every quantizer at progress ``u``.

        Args:
            u: progress in [0, 1], of any shape S.
            places: the Q quantizers.
            backward: the curve of the backward noise instead of the forward one.

        Returns:
            Array of shape S + (Q,), in [0, 1].

        Raises:
            ValueError: ``u`` is NaN or lies outside [0, 1].
        """
        progress = _progress(u)
        if not places:
            return np.zeros((*progress.shape, 0))
        return np.stack(hardened(self.curves(places, backward=backward), progress), axis=-1)

    def at(self, u: float | np.ndarray, places: Sequence[Place]) -> np.ndarray:
        """Return the control values of every quantizer at progress ``u``.

        Args:
            u: progress in [0, 1], of any shape S.
            places: the Q quantizers.

        Returns:
            Array of shape S + (Q, 4): the columns of :data:`CONTROLS`, standard deviations and
            means in quanta, the frozen fraction in [0, 1]. A column that a quantizer's method does
            not use is 0; so is a whole row in full precision.

        Raises:
            ValueError: ``u`` is NaN or lies outside [0, 1].
        """
        progress = _progress(u)
        table = np.zeros((*progress.shape, len(places), len(CONTROLS)))
        curves = self.curves(places)
        trails = self.curves(places, backward=True) if self.lag.backward else curves
        alike: dict[tuple[float, ...], list[int]] = {}
        for q, place in enumerate(places):
            method = id(self.method(place))
            alike.setdefault((method, *curves[q].identity(), *trails[q].identity()), []).append(q)
        for group in alike.values():
            q = group[0]
            row = _controls(self.method(places[q]), curves[q], trails[q], progress)
            table[..., group, :] = row[..., None, :]
        return table

    def learning_rates(self, u: float | np.ndarray) -> np.ndarray:
        """Return the learning rate at progress ``u``, with restarts at stages.

        Raises:
            ValueError: ``u`` is NaN or lies outside [0, 1].
        """
        return self.learning_rate.at(_progress(u), self.stages())

    def stages(self) -> np.ndarray:
        """Return the progress at which the stages of a stepped schedule begin (else none).

        Stages are those of the base window; offsets, lags and overrides do not move them.
        """
        if not isinstance(self.decay, Steps):
            return np.zeros(0)
        count = len(self.decay.levels)
        length = self.window.end - self.window.start
        return self.window.start + length * np.arange(1, count + 1) / count

    def at_learning_rate(self, initial: float) -> Schedule:
        """Return this schedule at another initial learning rate, its recipe otherwise kept.

        >>> schedule = Schedule(learning_rate=LearningRate(initial=0.01))
        >>> schedule.at_learning_rate(0.03).learning_rates(np.array([0.0, 1.0])).round(4).tolist()
        [0.03, 0.003]
        """
        recipe = self.learning_rate.model_copy(update={"initial": initial})
        return self.model_copy(update={"learning_rate": recipe})

    @property
    def sha256(self) -> str:
        """The SHA-256 of its canonical JSON, in hexadecimal: equal schedules have equal ones."""
        return json_digest(self.model_dump(mode="json"))

    def unmatched(self, places: Sequence[Place]) -> list[tuple[tuple[str | int, ...], str]]:
        """Return every override that has no effect on the quantizers of a network.

        Args:
            places: all quantizers of the network.

        Returns:
            Place within the schedule, and what is wrong there; empty if all is well.
        """
        names = ", ".join(sorted({f"`{place.name}`" for place in places})) or "none"
        faults: list[tuple[tuple[str | int, ...], str]] = []
        for i, override in enumerate(self.overrides):
            matching = [place for place in places if override.matches(place)]
            if not matching and override.pattern is not None:
                message = f"`{override.pattern}` matches no quantizer here; their names: {names}"
                faults.append((("overrides", i, "pattern"), message))
            elif not matching:
                faults.append((("overrides", i), "matches no quantizer of this network"))
            elif all(self._override(place) is not override for place in matching):
                message = "later overrides take all that it matches; remove it or move it down"
                faults.append((("overrides", i), message))
        return faults

    def _overridden(self, places: Sequence[Place]) -> list[tuple[int, Override]]:
        if not self.overrides:
            return []
        found = ((q, self._override(place)) for q, place in enumerate(places))
        return [(q, override) for q, override in found if override is not None]

    def _override(self, place: Place) -> Override | None:
        if not self.overrides:
            return None
        return next((o for o in reversed(self.overrides) if o.matches(place)), None)


def _controls(
    method: Ana | Inq | None, curve: HardeningCurve, trail: HardeningCurve, u: np.ndarray
) -> np.ndarray:
    """Return the control values of a quantizer that hardens, and backward, as two curves say."""
    row = np.zeros((*u.shape, len(CONTROLS)))
    if isinstance(method, Ana):
        rest = curve.relaxed(u)
        _anneal(row, method, rest, rest if trail is curve else trail.relaxed(u))
    elif isinstance(method, Inq):
        row[..., FROZEN] = curve.hardened(u)
    return row


def _anneal(controls: np.ndarray, ana: Ana, rest: np.ndarray, trailing: np.ndarray) -> None:
    """Write the control values of noise of which ``rest`` and, backward, ``trailing`` is left."""
    controls[..., FORWARD_STD] = ana.forward_std * rest
    controls[..., MEAN] = ana.mean * (np.sqrt(rest) if ana.mean_decay == "sqrt" else rest > 0)
    controls[..., BACKWARD_STD] = ana.backward_std * (
        ana.backward_floor + (1 - ana.backward_floor) * trailing
    )


def _progress(u: float | np.ndarray) -> np.ndarray:
    progress = np.asarray(u, dtype=float)
    if not np.all((progress >= 0) & (progress <= 1)):
        raise ValueError(f"progress must lie in [0, 1], but got {u}")
    return progress
