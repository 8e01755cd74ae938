"""The suite of noise families finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch

from qsched.quantizers import FAMILIES, Family
from qsched.testing.noise import NoiseTestCase
from qsched.testing.reference import distribution

GOOD = FAMILIES["normal"]
NORMAL = partial(distribution, "normal")


class Suite(NoiseTestCase):
    family = distribution = None


@pytest.mark.parametrize(
    ("test", "kind"),
    [
        (lambda s: s.test_is_what_scipy_says("x", NORMAL, 0.5), replace(GOOD, width=1.0)),
        (
            lambda s: s.test_second_moment_is_the_square_of_the_parameter("x", NORMAL),
            replace(GOOD, norm=0.6),
        ),
        (
            lambda s: s.test_sigmoid_is_exactly_one_half_within_reach("x", torch.float64),
            replace(GOOD, reach=4.0),
        ),
        (
            lambda s: s.test_nothing_happens_at_infinity("x"),
            replace(GOOD, bump=lambda w: w.mul_(w.square().neg().exp())),
        ),
        (
            lambda s: s.test_sigmoid_and_bump_are_in_place("x"),
            replace(GOOD, sigmoid=lambda w: w.erf() / 2),
        ),
    ],
)
def test_finds(
    test: Callable[[Suite], None], kind: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FAMILIES, "x", GOOD)
    test(Suite())
    monkeypatch.setitem(FAMILIES, "x", kind)
    with pytest.raises(AssertionError):
        test(Suite())
