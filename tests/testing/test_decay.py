"""The suite of decay shapes finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from pydantic import ValidationError

from qsched.schedules import Cosine, Power
from qsched.testing.decay import DecayTestCase


class Suite(DecayTestCase):
    shape = formula = None


class Falls(Power):
    def __call__(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        return super().__call__(x, depth) + 0.3 * np.sin(2 * np.pi * x)


class LeavesNoise(Power):
    def rest(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        return super().rest(x, depth) + 1e-12


class OneDepthForAll(Power):
    def rest(self, x: np.ndarray, depth: np.ndarray) -> np.ndarray:
        return super().rest(x, np.mean(depth))


class Unlisted(Power):
    shape: Literal["unlisted"] = "unlisted"


@pytest.mark.parametrize(
    ("test", "shape"),
    [
        (Suite().test_runs_from_0_to_1_without_falling, Falls()),
        (Suite().test_rest_is_the_complement, LeavesNoise()),
        (
            Suite().test_progress_and_depth_go_elementwise,
            OneDepthForAll(exponent=3.0, exponent_last=1.0),
        ),
        (Suite().test_a_schedule_file_can_hold_it, Unlisted()),
    ],
)
def test_finds(test: Callable[[Any], None], shape: Power) -> None:
    test(Power())
    with pytest.raises((AssertionError, ValidationError)):
        test(shape)


def test_finds_another_formula() -> None:
    with pytest.raises(AssertionError):
        Suite().test_closed_form(Cosine(), lambda x, d: x)


def test_what_is_tested_must_be_said() -> None:
    class Forgotten(DecayTestCase):
        pass

    with pytest.raises(TypeError, match="abstract methods? '?formula'?, '?shape"):
        Forgotten()
