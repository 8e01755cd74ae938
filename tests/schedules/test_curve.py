"""Hardening curves: limits, and jumps exactly at the step where they are due."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qsched.schedules import Decay, HardeningCurve, Power, Steps
from tests.schedules.strategies import decays, fractions


@given(decays, fractions, fractions, fractions)
def test_limits(decay: Decay, a: float, b: float, depth: float) -> None:
    start, end = min(a, b), max(a, b)
    curve = HardeningCurve(start, end, decay, depth)
    u = np.unique(np.concatenate((np.linspace(0, 1, 101), [start, end])))
    h = curve.hardened(u)
    assert np.all(h[u < start - 1e-8] == 0)
    assert np.all(h[u >= end] == 1)
    assert h[-1] == 1
    assert np.all(np.diff(h) >= -1e-15)
    if end - start > 1e-8:
        assert np.all(h[u <= start] == 0)
    np.testing.assert_allclose(curve.relaxed(u), 1 - h, rtol=0, atol=1e-13)


@given(
    st.integers(1, 12),
    st.tuples(st.integers(0, 60), st.integers(0, 60)).filter(lambda p: p[0] != p[1]),
    st.integers(1, 500),
)
def test_steps_rise_at_the_first_training_step_that_reaches_them(
    n: int, ends: tuple[int, int], steps: int
) -> None:
    start, end = Fraction(min(ends), 60), Fraction(max(ends), 60)
    curve = HardeningCurve(float(start), float(end), Steps(stages=n), 0.0)
    due = [start + (end - start) * k / n for k in range(1, n + 1)]
    for k in range(steps + 1):
        reached = sum(Fraction(k, steps) >= time for time in due)
        assert curve.hardened(np.array(k / steps)) == reached / n


@given(st.integers(1, 12), st.integers(1, 20))
def test_windows_of_a_partition_close_at_their_step(layers: int, length: int) -> None:
    # Rounding of start + length must not leave the last trace of noise for another step.
    steps = layers * length
    for i in range(layers):
        start = i * (1 / layers)
        curve = HardeningCurve(start, start + 1 / layers, Power(exponent=2.0), 0.0)
        assert curve.relaxed(np.array((i + 1) * length / steps)) == 0
        assert curve.relaxed(np.array(((i + 1) * length - 1) / steps)) > 0


def test_a_window_without_length_is_a_jump() -> None:
    curve = HardeningCurve(0.5, 0.5, Power(), 0.0)
    assert curve.hardened(np.array([0.0, 0.49, 0.5, 1.0])).tolist() == [0, 0, 1, 1]


def test_breaks() -> None:
    assert HardeningCurve(0.2, 0.6, Steps(stages=2), 0.0).breaks() == (0.2, 0.4, 0.6)
    assert HardeningCurve(0.2, 0.6, Power(), 0.0).breaks() == (0.2, 0.6)
