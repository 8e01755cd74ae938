"""Windows against the published decay intervals and their own limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from pydantic import ValidationError

from qsched.schedules import Window
from tests.schedules.strategies import windows

DEPTHS = np.linspace(0, 1, 7)
PERIODS = np.arange(7)


@pytest.mark.parametrize(
    ("offsets", "opening", "closing"),
    [
        ((0.0, 0.0), 0 * PERIODS, 0 * PERIODS + 7),
        ((0.0, 6 / 7), 0 * PERIODS, PERIODS + 1),
        ((-6 / 7, 0.0), 6 - PERIODS, 0 * PERIODS + 7),
        ((6 / 7, 6 / 7), PERIODS, PERIODS + 1),
        ((-6 / 7, -6 / 7), 6 - PERIODS, 7 - PERIODS),
    ],
    ids=["overlapped", "same start", "same end", "partition", "reverse"],
)
def test_intervals_of_seven_layers(
    offsets: tuple[float, float], opening: np.ndarray, closing: np.ndarray
) -> None:
    # Seven periods, each a tenth of training, as in the CVPR 2022 design.
    window = Window(start=0.0, end=0.7, offset_start=offsets[0], offset_end=offsets[1])
    start, end = window.bounds(DEPTHS)
    np.testing.assert_allclose(start, opening / 10, atol=1e-15)
    np.testing.assert_allclose(end, closing / 10, atol=1e-15)


@given(windows)
def test_every_depth_stays_inside(window: Window) -> None:
    start, end = window.bounds(np.linspace(0, 1, 11))
    assert np.all(start <= end)
    assert np.all(start >= window.start - 1e-15)
    assert np.all(end <= window.end + 1e-15)
    # The earliest opening and the latest closing are those that are stated, unless they cross.
    assert start.min() == pytest.approx(window.start, abs=1e-15)
    if np.all(end > start):
        assert end.max() == pytest.approx(window.end, abs=1e-15)


@given(windows)
def test_offsets_order_the_layers(window: Window) -> None:
    start, _ = window.bounds(np.linspace(0, 1, 11))
    steps = np.diff(start)
    assert np.all(steps >= 0 if window.offset_start >= 0 else steps <= 0)


def test_crossing_slopes_leave_a_point() -> None:
    start, end = Window(offset_start=1.0, offset_end=-1.0).bounds(np.array([0.0, 0.5, 1.0]))
    assert start.tolist() == [0.0, 0.5, 1.0]
    assert end.tolist() == [1.0, 0.5, 1.0]


def test_start_after_end() -> None:
    with pytest.raises(ValidationError, match=r"start <= end, but got start=0\.5, end=0\.2"):
        Window(start=0.5, end=0.2)
