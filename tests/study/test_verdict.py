"""The verdict in words."""

from __future__ import annotations

import pytest

from qsched.schedules import Schedule
from qsched.schedules.file import load_schedule
from qsched.study.verdict import ArmSummary, Comparison, sentence


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    return load_schedule("ana-2019-overlapped").schedule


@pytest.mark.parametrize(
    ("difference", "interval", "words"),
    [
        (-0.0004, (-0.0104, 0.0096), "+0.0 points [-1.0, +1.0]"),
        (0.0, (-0.0004, 0.0004), "+0.0 points [+0.0, +0.0]"),
        (-0.004, (-0.012, 0.004), "-0.4 points [-1.2, +0.4]"),
    ],
)
def test_nothing_is_never_negative(
    schedule: Schedule, difference: float, interval: tuple[float, float], words: str
) -> None:
    arm = ArmSummary(
        contender="found",
        arm="trial-7",
        schedule=schedule,
        accuracies=(0.9, 0.9),
        mean=0.9,
        interval=(0.9, 0.9),
    )
    claim = Comparison(
        other="hand-coded",
        arm="ana-2019",
        difference=difference,
        interval=interval,
        p_value=0.5,
        seeds=2,
        significant=False,
    )
    assert sentence([arm], [claim]) == (
        "trial-7 reaches 90.0 % test accuracy: no significant difference from hand-coded "
        f"(ana-2019), {words}."
    )
