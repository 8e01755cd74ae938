"""The suite of stair functions finds what is wrong with how they are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from qsched.quantizers import Stair, ana, ana_backward, hard, stair
from qsched.testing.stair import StairTestCase

STAIR = stair("4-bit")


class Suite(StairTestCase):
    stair = None


def above(x: Tensor, stair: Stair, mean: Tensor | None = None) -> Tensor:
    """H(0) = 0."""
    return hard(torch.nextafter(x, torch.full_like(x, -torch.inf)), stair, mean)


def centered(x: Tensor, stair: Stair, mean: Tensor | None = None) -> Tensor:
    return hard(x, stair)


def numbers(x: Tensor, stair: Stair, mean: Tensor | None = None) -> Tensor:
    return hard(x.nan_to_num(), stair, mean)


def wider(x: Tensor, forward_std: Tensor, *others: Any, **options: Any) -> Tensor:
    return ana(x, 1.01 * forward_std, *others, **options)


def steeper(grad: Tensor, *others: Any) -> Tensor:
    return ana_backward(1.01 * grad, *others)


@pytest.mark.parametrize(
    ("test", "name", "faulty"),
    [
        (
            lambda s: s.test_thresholds_and_their_float_neighbors(STAIR, torch.float32),
            "hard",
            above,
        ),
        (lambda s: s.test_matches_a_plain_loop(STAIR, 0.75), "hard", centered),
        (lambda s: s.test_nan_and_infinities(STAIR), "hard", numbers),
        (
            lambda s: s.test_expectation_is_the_integral_over_the_noise(STAIR, "normal", 0.2, 0.0),
            "ana",
            wider,
        ),
        (
            lambda s: s.test_gradient_is_the_numerical_derivative_of_the_expectation(
                STAIR, "normal", 0.1
            ),
            "ana",
            wider,
        ),
        (
            lambda s: s.test_gradient_integrates_to_the_height_of_the_stair(STAIR, "uniform"),
            "ana_backward",
            steeper,
        ),
    ],
)
def test_finds(
    test: Callable[[Suite], None],
    name: str,
    faulty: Callable[..., Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    test(Suite())
    monkeypatch.setattr(f"qsched.testing.stair.{name}", faulty)
    with pytest.raises(AssertionError):
        test(Suite())
