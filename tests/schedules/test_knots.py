"""Resolved knots, followed with numpy's interpolation alone, against the schedule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from qsched.files import bundled_names
from qsched.schedules import CONTROLS, LearningRate, Place, Schedule, depths
from qsched.schedules.file import load_schedule
from qsched.schedules.knots import Curve, ResolvedKnots, resolve
from tests.schedules.strategies import schedules

PLACES = [Place(role, d) for role in ("weights", "activations") for d in depths(4)]
TOLERANCE = 1e-3


def _follow(knots: ResolvedKnots, u: np.ndarray) -> np.ndarray:
    """Return the controls of PLACES by interpolation, as someone without qsched would."""
    table = np.zeros((len(u), len(PLACES), len(CONTROLS)))
    for group in knots.quantizers:
        for q, place in enumerate(PLACES):
            if place.role == group.role and place.depth in group.depths:
                for name, values in group.controls.items():
                    table[:, q, CONTROLS.index(name)] = np.interp(u, group.u, values)
    return table


def _check(schedule: Schedule, steps: int) -> None:
    knots = resolve(schedule, PLACES, TOLERANCE)
    u = np.arange(steps + 1) / steps
    np.testing.assert_allclose(_follow(knots, u), schedule.at(u, PLACES), rtol=0, atol=TOLERANCE)
    rates = np.interp(u, knots.learning_rate.u, knots.learning_rate.values)
    initial = schedule.learning_rate.initial
    np.testing.assert_allclose(
        rates / initial, schedule.learning_rates(u) / initial, rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("name", bundled_names("search_spaces/handcoded"))
def test_handcoded(name: str) -> None:
    schedule = load_schedule(name).schedule
    for steps in (300, 1000, 1357):
        _check(schedule, steps)


@settings(max_examples=60, deadline=None)
@given(schedules)
def test_any_schedule(schedule: Schedule) -> None:
    _check(schedule, 280)


def test_quantizers_with_one_curve_share_their_knots() -> None:
    schedule = load_schedule("ana-2019-overlapped").schedule
    knots = resolve(schedule, PLACES)
    assert [(g.role, g.depths, g.u) for g in knots.quantizers] == [
        (role, depths(4), (0.0, 0.7, 1.0)) for role in ("weights", "activations")
    ]


def test_full_precision_has_no_knots() -> None:
    assert resolve(Schedule(learning_rate=LearningRate(initial=1.0)), PLACES).quantizers == ()


def test_too_fine_a_tolerance() -> None:
    schedule = load_schedule("ana-rule").schedule
    with pytest.raises(ValueError, match="tolerance must be > 1e-8"):
        resolve(schedule, PLACES, 0.0)


@pytest.mark.parametrize(
    ("u", "values", "message"),
    [
        ((0.0, 0.5), (1.0, 1.0), "from 0 to 1"),
        ((0.0, 0.6, 0.5, 1.0), (1.0,) * 4, "not decrease"),
        ((0.0, 1.0), (1.0,) * 3, "needs 2 values"),
    ],
)
def test_impossible_knots(u: tuple[float, ...], values: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Curve(u=u, values=values)
