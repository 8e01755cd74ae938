"""Thresholds in integers against decimals of a hundred digits."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest

from qsched.deploy.fold import Affine, integer_threshold


def brute(affine: Affine, threshold: Fraction, low: int, high: int) -> int:
    with localcontext() as context:
        context.prec = 100

        def real(x: Fraction) -> Decimal:
            return Decimal(x.numerator) / Decimal(x.denominator)

        root = real(affine.radicand).sqrt()
        for a in range(low, high + 1):
            value = real(affine.slope) * real(affine.unit * a + affine.offset) / root
            if value + real(affine.shift) >= real(threshold):
                return a
    return high + 1


def random_affine(seed: int) -> tuple[Affine, Fraction]:
    draw = np.random.default_rng(seed)
    unit, slope, radicand = (Fraction(float(x)) for x in draw.uniform(0.05, 3, 3))
    offset, shift, threshold = (Fraction(float(x)) for x in draw.normal(0, 2, 3))
    return Affine(unit, offset, slope, radicand, shift), threshold


@pytest.mark.parametrize("seed", range(60))
def test_against_decimals(seed: int) -> None:
    affine, threshold = random_affine(seed)
    assert integer_threshold(affine, threshold, -40, 40) == brute(affine, threshold, -40, 40)


def test_a_value_that_equals_the_threshold_has_reached_it() -> None:
    # 2 (a / 4 - 1) / sqrt(9/4) + 1/2 = 1/2 at a = 4, exactly.
    affine = Affine(
        Fraction(1, 4), Fraction(-1), Fraction(2), Fraction(9, 4), shift=Fraction(1, 2)
    )
    assert integer_threshold(affine, Fraction(1, 2), -99, 99) == 4
    assert integer_threshold(affine, Fraction(1, 2) + Fraction(1, 10**30), -99, 99) == 5
    # ... and = 3/2 + 1/2 at a = 8 + 1/2 sqrt: a / 4 - 1 = 9/8 at 8.5, so 9 is the first integer.
    assert integer_threshold(affine, Fraction(2), -99, 99) == 9


def test_flipping_looks_from_the_other_side() -> None:
    affine, threshold = random_affine(3)
    negative = Affine(affine.unit, affine.offset, -affine.slope, affine.radicand, affine.shift)
    reached = {a for a in range(-40, 41) if brute(negative, threshold, a, a) == a}
    first = integer_threshold(negative.flipped(), threshold, -40, 40)
    assert reached == {-a for a in range(first, 41)}


@pytest.mark.parametrize(("shift", "expected"), [(1, -7), (0, 8)])
def test_scale_zero_is_constant(shift: int, expected: int) -> None:
    affine = Affine(Fraction(1), slope=Fraction(0), shift=Fraction(shift))
    assert integer_threshold(affine, Fraction(1, 2), -7, 7) == expected


def test_out_of_reach_is_always_or_never() -> None:
    far = Affine(Fraction(1), Fraction(1000))
    assert integer_threshold(far, Fraction(1), -5, 5) == -5
    assert integer_threshold(far, Fraction(2000), -5, 5) == 6
