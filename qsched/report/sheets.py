"""The sheets of the atlas: which controls of a schedule it shows, and how they are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qsched.report.style import percent
from qsched.schedules import BACKWARD_STD, FORWARD_STD, FROZEN, Ana, Inq

__all__ = ["POINTS", "SHEETS", "Sheet"]

POINTS = 101
"""Columns of a heat map: 0 % to 100 % of training."""

_CLOSE = 1e-9


@dataclass(frozen=True)
class Sheet:
    """One control of the atlas.

    Attributes:
        control: its column of ``Schedule.at``.
        kind: the method that uses it.
        heading: what it is.
        measure: what the colors measure.
        unit: as the color scale's last label has it.
        colorscale: dark is quantized on every sheet: no noise left, or frozen.
        top: end of the color scale; None is the largest value.
        tell: says in words what values over [quantizer, time] do; they are not all 0.
    """

    control: int
    kind: type[Ana | Inq]
    heading: str
    measure: str
    unit: str
    colorscale: str
    top: float | None
    tell: Callable[[np.ndarray], str]


def _tell_forward(values: np.ndarray) -> str:
    noisy = np.flatnonzero(np.nanmax(values, axis=0) > _CLOSE)
    gone = percent(min(noisy[-1] + 1, POINTS - 1) / (POINTS - 1), 0)
    return f"{np.nanmax(values):.2g} quanta, gone after {gone} of training"


def _tell_backward(values: np.ndarray) -> str:
    start, end = float(np.nanmax(values)), float(np.nanmax(values[:, -1]))
    if end <= _CLOSE:
        return f"{start:.2g} quanta, fading to 0"
    if start - end <= _CLOSE:
        return f"{end:.2g} quanta throughout"
    return f"{start:.2g} quanta, fading to {end:.2g}"


def _tell_frozen(values: np.ndarray) -> str:
    half = np.argmax(np.nanmean(values, axis=0) >= 0.5 - _CLOSE)
    return f"half of them after {percent(half / (POINTS - 1), 0)} of training"


_NOISE = ("standard deviation in quanta", " quanta", "Viridis", None)
SHEETS = {
    "atlas-forward": Sheet(FORWARD_STD, Ana, "Forward noise", *_NOISE, _tell_forward),
    "atlas-backward": Sheet(BACKWARD_STD, Ana, "Backward noise", *_NOISE, _tell_backward),
    "atlas-frozen": Sheet(
        FROZEN, Inq, "Frozen weights", "fraction", "", "Viridis_r", 1.0, _tell_frozen
    ),
}
"""The sheets by figure key."""
