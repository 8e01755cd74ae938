import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from qsched.errors import InputError, UnknownNameError
from qsched.quantizers import STAIRS as NAMED
from qsched.quantizers import Stair, hard, stair
from qsched.testing.reference import plain_hard
from qsched.testing.stair import StairTestCase
from tests.quantizers.stairs import STAIRS


class TestStairs(StairTestCase):
    @pytest.fixture(params={**NAMED, **STAIRS})
    def stair(self, request: pytest.FixtureRequest) -> Stair:
        return {**NAMED, **STAIRS}[request.param]


@pytest.mark.parametrize(
    "name, count",
    [
        ("ternary", 3),
        ("binary", 2),
        ("2-bit", 4),
        ("4-bit", 16),
        ("power-of-two-3", 5),
        ("power-of-two-5", 17),
    ],
)
def test_number_of_levels(name, count):
    assert len(stair(name).levels) == count


def test_named_levels():
    assert stair("ternary") == Stair((-1, 0, 1), (-0.5, 0.5))
    assert stair("binary") == Stair((-1, 1), (0,))
    assert stair("2-bit") == Stair((-2, -1, 0, 1), (-1.5, -0.5, 0.5))
    assert stair("power-of-two-3").levels == (-2, -1, 0, 1, 2)
    assert stair("4-bit").levels == tuple(range(-8, 8))
    assert stair("power-of-two-5").levels[9:] == tuple(2.0**k for k in range(-6, 2))
    assert stair("4-bit", quantum=1).quantum == 1


def test_evenness_needs_equal_jumps_one_quantum_apart():
    even = {name for name, s in NAMED.items() if s.even}
    assert even == {"ternary", "binary", "2-bit", "4-bit", "power-of-two-3"}
    assert not Stair((-1, 0, 1), (-0.25, 0.25)).even
    assert not Stair((-1, 0, 2), (-0.5, 0.5)).even


def test_four_bit_quantum_suits_unit_variance_inputs():
    s = stair("4-bit")

    def error(quantum):
        scaled = stair("4-bit", quantum=quantum)

        grid = torch.linspace(-6, 6, 6001, dtype=torch.float64)
        squared = (grid - hard(grid, scaled)).square().numpy() * stats.norm.pdf(grid)
        return integrate.trapezoid(squared, grid)

    best = min(map(error, np.linspace(0.2, 0.6, 81)))
    assert error(s.quantum) < 1.02 * best
    edges = np.array([-np.inf, *s.thresholds, np.inf]) * s.quantum
    assert np.diff(stats.norm.cdf(edges)).min() > 0.005  # every level is used


@given(
    x=st.floats(-10, 10, width=32),
    cuts=st.lists(st.integers(-20, 20), min_size=1, max_size=5, unique=True),
    quantum=st.sampled_from([0.25, 1.0, 2.0]),
    mean=st.sampled_from([None, -0.5, 0.75]),
)
def test_any_stair_matches_a_plain_loop(x, cuts, quantum, mean):
    thresholds = tuple(t / 4 for t in sorted(cuts))
    s = Stair(tuple(k**2 / 2 for k in range(len(cuts) + 1)), thresholds, quantum)
    shift = None if mean is None else torch.tensor(mean)
    assert hard(torch.tensor([x]), s, shift).item() == plain_hard(x, s, mean or 0.0)


@pytest.mark.parametrize(
    "levels, thresholds, quantum, message",
    [
        ((0, 1), (0.5, 0.7), 1, "one level more"),
        ((0,), (), 1, "one level more"),
        ((0, 0), (0.5,), 1, "levels of a stair must increase"),
        ((0, 1, math.nan), (0.5, 0.7), 1, "levels of a stair must increase"),
        ((0, 1, 2), (0.7, 0.5), 1, "thresholds of a stair must increase"),
        ((0, 1), (0.5,), 0, "quantum of a stair must be > 0"),
        ((0, 1), (0.5,), math.nan, "quantum of a stair must be > 0"),
    ],
)
def test_impossible_stairs_are_refused(levels, thresholds, quantum, message):
    with pytest.raises(InputError, match=message):
        Stair(levels, thresholds, quantum)


def test_unknown_levels_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean `ternary`"):
        stair("ternery")
    with pytest.raises(UnknownNameError):
        stair("float")
