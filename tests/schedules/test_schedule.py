"""What ANA and INQ read from hardening curves, against loops over their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from pydantic import ValidationError

from qsched.schedules import (
    BACKWARD_STD,
    CONTROLS,
    FORWARD_STD,
    FROZEN,
    MEAN,
    Ana,
    Inq,
    Lag,
    LearningRate,
    Override,
    Place,
    Power,
    Schedule,
    Steps,
    Window,
    depths,
)
from tests.schedules.strategies import schedules

RATE = LearningRate(initial=0.01)
WEIGHTS, ACTIVATIONS = Place("weights", 0.0, "fc1"), Place("activations", 0.0, "act1")
NOISE = Ana(forward_std=0.8, backward_std=1.2, backward_floor=0.25, mean=-0.5)


def _one(schedule: Schedule, u: float, place: Place = WEIGHTS) -> list[float]:
    row: list[float] = schedule.at(u, [place])[0].tolist()
    return row


def test_noise_follows_the_remaining_share() -> None:
    schedule = Schedule(
        window=Window(start=0.2, end=0.6),
        decay=Power(exponent=2.0),
        weights=NOISE,
        learning_rate=RATE,
    )
    for u in (0.0, 0.2, 0.3, 0.45, 0.6, 1.0):
        r = (1 - min(max((u - 0.2) / 0.4, 0), 1)) ** 2
        expected = [0.8 * r, -0.5 * math.sqrt(r), 1.2 * (0.25 + 0.75 * r), 0]
        assert _one(schedule, u) == pytest.approx(expected, abs=1e-12)


def test_a_static_mean_goes_when_hardening_is_complete() -> None:
    noise = NOISE.model_copy(update={"mean_decay": "static"})
    schedule = Schedule(window=Window(end=0.5), weights=noise, learning_rate=RATE)
    assert [_one(schedule, u)[MEAN] for u in (0.0, 0.499, 0.5, 1.0)] == [-0.5, -0.5, 0, 0]


def test_frozen_fractions_are_exact() -> None:
    fractions = (0.2, 0.4, 0.6, 0.7, 0.8, 1.0)
    schedule = Schedule(
        decay=Steps(fractions=fractions), weights=Inq(), activations=NOISE, learning_rate=RATE
    )
    for k, fraction in enumerate(fractions, start=1):
        assert _one(schedule, k / 6) == [0, 0, 0, fraction]
    assert _one(schedule, 0.5, ACTIVATIONS)[FROZEN] == 0


def test_roles_have_their_own_method() -> None:
    schedule = Schedule(weights=NOISE, learning_rate=RATE)
    assert schedule.method(WEIGHTS) is schedule.weights
    assert schedule.method(ACTIVATIONS) is None
    assert _one(schedule, 0.0, ACTIVATIONS) == [0, 0, 0, 0]


def test_lags_move_windows() -> None:
    schedule = Schedule(
        window=Window(start=0.1, end=0.5),
        lag=Lag(activations=0.2, backward=0.1),
        weights=NOISE,
        activations=NOISE,
        learning_rate=RATE,
    )

    def linear(u: float, start: float) -> float:
        return min(max((u - start) / 0.4, 0), 1)

    for u in np.linspace(0, 1, 21):
        h = schedule.hardening(u, [WEIGHTS, ACTIVATIONS])
        back = schedule.hardening(u, [WEIGHTS, ACTIVATIONS], backward=True)
        assert h.tolist() == pytest.approx([linear(u, 0.1), linear(u, 0.3)], abs=1e-9)
        assert back.tolist() == pytest.approx([linear(u, 0.2), linear(u, 0.4)], abs=1e-9)
        assert _one(schedule, u)[BACKWARD_STD] == pytest.approx(
            1.2 * (0.25 + 0.75 * (1 - linear(u, 0.2))), abs=1e-9
        )


def test_a_lag_beyond_training_still_ends_hard() -> None:
    for lag in (-1.0, 1.0):
        schedule = Schedule(lag=Lag(activations=lag), activations=NOISE, learning_rate=RATE)
        assert _one(schedule, 1.0, ACTIVATIONS)[FORWARD_STD] == 0


@given(schedules)
def test_controls_are_finite_and_end_hard(schedule: Schedule) -> None:
    places = [Place(r, d) for r in ("weights", "activations") for d in depths(3)]
    u = np.linspace(0, 1, 41)
    table = schedule.at(u, places)
    assert table.shape == (41, 6, len(CONTROLS))
    assert np.all(np.isfinite(table))
    assert np.all(table[-1, :, [FORWARD_STD, MEAN]] == 0)
    assert np.all(np.diff(table[..., FORWARD_STD], axis=0) <= 1e-12)
    assert np.all(np.diff(table[..., FROZEN], axis=0) >= 0)
    rates = schedule.learning_rates(u)
    assert np.all((rates >= 0) & (rates <= schedule.learning_rate.initial))


@given(schedules)
def test_a_row_of_u_is_its_values_one_by_one(schedule: Schedule) -> None:
    u = np.array([[0.0, 0.3], [0.75, 1.0]])
    places = [WEIGHTS, ACTIVATIONS]
    single = [[schedule.at(float(v), places) for v in row] for row in u]
    # NumPy's powers of arrays and of single numbers may differ in the last digit.
    np.testing.assert_allclose(schedule.at(u, places), np.array(single), rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("u", [-0.1, 1.1, math.nan, np.array([0.5, 2.0])])
def test_progress_outside_training(u: float | np.ndarray) -> None:
    schedule = Schedule(weights=NOISE, learning_rate=RATE)
    with pytest.raises(ValueError, match=r"progress must lie in \[0, 1\]"):
        schedule.at(u, [WEIGHTS])
    with pytest.raises(ValueError, match=r"progress must lie in \[0, 1\]"):
        schedule.learning_rates(u)


def test_stages_are_those_of_the_base_window() -> None:
    window = Window(start=0.15, end=0.75, offset_start=0.5, offset_end=0.5)
    schedule = Schedule(window=window, decay=Steps(stages=4), weights=Inq(), learning_rate=RATE)
    np.testing.assert_allclose(schedule.stages(), [0.3, 0.45, 0.6, 0.75], atol=1e-15)
    assert Schedule(learning_rate=RATE).stages().size == 0


def test_the_last_matching_override_holds() -> None:
    schedule = Schedule(
        weights=NOISE,
        activations=NOISE,
        learning_rate=RATE,
        overrides=(
            Override(role="weights", window=Window(end=0.5)),
            Override(depth=(0.5, 1.0), decay=Power(exponent=2.0)),
            Override(pattern="head.*", exclude=True),
        ),
    )
    lower, upper = Place("weights", 0.0, "fc1"), Place("weights", 1.0, "fc2")
    h = schedule.hardening(0.25, [lower, upper, Place("activations", 0.0)])
    assert h.tolist() == pytest.approx([0.5, 1 - 0.75**2, 0.25])
    assert schedule.method(Place("weights", 1.0, "head.0")) is None
    assert schedule.method(Place("weights", 1.0, "a.head.0")) is not None


def test_overrides_without_effect_are_all_named() -> None:
    schedule = Schedule(
        weights=NOISE,
        learning_rate=RATE,
        overrides=(
            Override(pattern="fc9", exclude=True),
            Override(depth=(0.1, 0.2), exclude=True),
            Override(pattern="fc1", exclude=True),
            Override(role="weights", exclude=True),
            Override(pattern="fc2", exclude=True),
        ),
    )
    places = [Place("weights", 0.0, "fc1"), Place("weights", 1.0, "fc2")]
    faults = schedule.unmatched(places)
    assert [path for path, _ in faults] == [
        ("overrides", 0, "pattern"),
        ("overrides", 1),
        ("overrides", 2),
    ]
    assert "`fc9` matches no quantizer here; their names: `fc1`, `fc2`" in faults[0][1]
    assert "later overrides" in faults[2][1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"exclude": True}, "at least one of"),
        ({"role": "weights"}, "needs `window`, `decay` or"),
        ({"depth": (0.6, 0.5), "exclude": True}, "low, high"),
        ({"pattern": "fc(", "exclude": True}, "not a regular expression"),
    ],
)
def test_impossible_overrides(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Override(**arguments)  # type: ignore[arg-type]


def test_digest_names_the_schedule() -> None:
    a = Schedule(weights=NOISE, learning_rate=RATE)
    b = Schedule(weights=NOISE, learning_rate=RATE, decay=Power(exponent=1.0, exponent_last=1.0))
    c = Schedule(weights=NOISE, learning_rate=RATE, decay=Power(exponent=1.5))
    assert a.sha256 == b.sha256 != c.sha256
