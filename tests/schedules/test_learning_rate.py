"""Learning-rate courses against plain loops."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from pydantic import ValidationError

from qsched.schedules import Drop, LearningRate

NONE = np.zeros(0)


def test_constant() -> None:
    rate = LearningRate(initial=0.3, decay="constant")
    assert rate.at(np.array([0.0, 0.9, 1.0]), NONE).tolist() == [0.3, 0.3, 0.3]


def test_drops_hold_from_their_step_on() -> None:
    rate = LearningRate(initial=1.0, drops=(Drop(at=0.3, factor=0.5), Drop(at=0.7, factor=0.1)))
    for steps in range(1, 200):
        for k in (0, steps * 3 // 10, -(-steps * 3 // 10), -(-steps * 7 // 10), steps):
            u = Fraction(k, steps)
            expected = (0.5 if u >= Fraction(3, 10) else 1) * (0.1 if u >= Fraction(7, 10) else 1)
            assert rate.at(np.array(k / steps), NONE) == pytest.approx(expected, rel=1e-12)


def test_cosine() -> None:
    rate = LearningRate(initial=2.0, decay="cosine")
    for u in np.linspace(0, 1, 11):
        assert rate.at(u, NONE) == pytest.approx(1 + math.cos(math.pi * u), abs=1e-12)


def test_restarts_anew_in_every_stage() -> None:
    # A stage of a fifth of training: x 0.1 from its middle on; 1 step = 1/40 of training.
    rate = LearningRate(initial=1.0, drops=(Drop(at=0.5, factor=0.1),), restart=True)
    stages = np.arange(1, 5) / 5
    for k in range(40):
        expected = 1.0 if k % 8 < 4 else 0.1
        assert rate.at(np.array(k / 40), stages) == pytest.approx(expected)


@pytest.mark.parametrize("decay", ["drops", "cosine"])
def test_restart_without_stages_is_one_course(decay: str) -> None:
    once = LearningRate(initial=1.0, decay=decay)  # type: ignore[arg-type]
    u = np.linspace(0, 1, 101)
    again = once.model_copy(update={"restart": True})
    np.testing.assert_array_equal(again.at(u, NONE), once.at(u, NONE))


def test_breaks() -> None:
    rate = LearningRate(initial=1.0, drops=(Drop(at=0.5, factor=0.1),), restart=True)
    assert rate.breaks(np.array([0.5])) == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert LearningRate(initial=1.0).breaks(NONE) == (0.0, 0.8, 1.0)


def test_drops_out_of_order() -> None:
    with pytest.raises(ValidationError, match="in the order of `at`"):
        LearningRate(initial=1.0, drops=(Drop(at=0.8, factor=0.1), Drop(at=0.5, factor=0.1)))
