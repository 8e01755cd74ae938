"""Decay shapes against their formulas, written out in plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, getcontext
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qsched.schedules import Cosine, Decay, Exponential, Knots, Logistic, Power, Steps
from qsched.testing.decay import DecayTestCase, Formula
from tests.schedules.strategies import decays


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _logistic(k: float, c: float) -> Formula:
    low, high = _sigmoid(-k * c), _sigmoid(k * (1 - c))
    return lambda x, d: (_sigmoid(k * (x - c)) - low) / (high - low)


def _stair(levels: list[float]) -> Formula:
    return lambda x, d: [0.0, *levels][math.floor(x * len(levels) + 1e-9)]


CLOSED_FORMS: dict[str, tuple[Decay, Formula]] = {
    "linear": (Power(), lambda x, d: x),
    "square": (Power(exponent=2.0), lambda x, d: 2 * x - x * x),
    "progressive": (
        Power(exponent=14.0, exponent_last=2.0),
        lambda x, d: 1 - (1 - x) ** (14 - 12 * d),
    ),
    "late": (Power(exponent=0.25), lambda x, d: 1 - (1 - x) ** 0.25),
    "cosine": (Cosine(), lambda x, d: (1 - math.cos(math.pi * x)) / 2),
    "exponential": (
        Exponential(rate=3.0),
        lambda x, d: (1 - math.exp(-3 * x)) / (1 - math.exp(-3)),
    ),
    "logistic": (Logistic(steepness=8.0, center=0.3), _logistic(8.0, 0.3)),
    "equal steps": (Steps(stages=4), _stair([0.25, 0.5, 0.75, 1.0])),
    "listed steps": (Steps(fractions=(0.3, 0.6, 0.8, 1.0)), _stair([0.3, 0.6, 0.8, 1.0])),
    "knots": (
        Knots(values=(0.2, 0.8)),
        lambda x, d: 0.6 * x if 3 * x < 1 else 1.8 * x - 0.4 if 3 * x < 2 else 0.6 * x + 0.4,
    ),
}


class TestDecays(DecayTestCase):
    @pytest.fixture(params=CLOSED_FORMS)
    def case(self, request: pytest.FixtureRequest) -> tuple[Decay, Formula]:
        return CLOSED_FORMS[request.param]

    @pytest.fixture
    def shape(self, case: tuple[Decay, Formula]) -> Decay:
        return case[0]

    @pytest.fixture
    def formula(self, case: tuple[Decay, Formula]) -> Formula:
        return case[1]


def test_every_shape_is_among_them() -> None:
    union, _ = get_args(Decay)
    assert {type(shape) for shape, _ in CLOSED_FORMS.values()} == set(get_args(union))


@given(decays)
def test_shapes_of_any_parameters(shape: Decay) -> None:
    suite = TestDecays()
    suite.test_runs_from_0_to_1_without_falling(shape)
    suite.test_rest_is_the_complement(shape)
    suite.test_a_schedule_file_can_hold_it(shape)


@pytest.mark.parametrize(
    ("shape", "exact"),
    [
        (Power(exponent=14.0), lambda y: y**14),
        (
            Exponential(rate=2.0),
            lambda y: ((2 * y).exp() - 1) / (Decimal(2).exp() - 1),
        ),
        (
            Logistic(steepness=6.0),
            lambda y: _decimal_sigmoid(y),
        ),
    ],
    ids=["power", "exponential", "logistic"],
)
def test_rest_is_exact_where_little_remains(
    shape: Decay, exact: Callable[[Decimal], Decimal]
) -> None:
    # 1 - h would be lost in rounding here: the reference has 60 digits.
    getcontext().prec = 60
    for y in (2.0**-20, 2.0**-40):
        found = float(shape.rest(np.array([1 - y]), np.asarray(0.0))[0])
        assert found == pytest.approx(float(exact(Decimal(y))), rel=1e-13, abs=0)


def _decimal_sigmoid(y: Decimal) -> Decimal:
    def s(x: Decimal) -> Decimal:
        return 1 / (1 + (-6 * (x - Decimal("0.5"))).exp())

    one, zero = Decimal(1), Decimal(0)
    return (s(one) - s(1 - y)) / (s(one) - s(zero))


@given(st.integers(1, 30))
def test_equal_stages_are_the_listed_ones(n: int) -> None:
    assert Steps(stages=n).levels == tuple(k / n for k in range(1, n + 1))


@pytest.mark.parametrize(
    ("shape", "arguments", "message"),
    [
        (Steps, {}, "either `stages` or `fractions`"),
        (Steps, {"stages": 2, "fractions": (0.5, 1.0)}, "either `stages` or `fractions`"),
        (Steps, {"fractions": ()}, "must increase and end at 1"),
        (Steps, {"fractions": (0.5, 0.9)}, "must increase and end at 1"),
        (Steps, {"fractions": (0.5, 0.5, 1.0)}, "must increase and end at 1"),
        (Knots, {"values": (0.6, 0.5)}, "must not decrease"),
        (Knots, {"values": ()}, "must not decrease"),
        (Power, {"exponent": 0.0}, "greater than 0"),
        (Power, {"exponent_last": -1.0}, "greater than 0"),
        (Exponential, {"rate": math.inf}, "finite number"),
        (Logistic, {"steepness": 5.0, "center": 1.5}, "less than or equal to 1"),
    ],
)
def test_impossible_shapes(shape: type, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        shape(**arguments)
