"""The design: balanced, in range, the same for ever, and a prefix of every longer one."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from qsched.learning.bench.design import sobol
from qsched.spaces import Choice, Float, Int, load_space

RATES = (0.002, 0.08)


@pytest.mark.parametrize("name", ["ana", "inq"])
def test_every_point_is_a_schedule(name: str) -> None:
    space = load_space(name)
    for point in sobol(space, 64, RATES):
        schedule = space.decode(point)
        assert RATES[0] <= schedule.learning_rate.initial <= RATES[1]


def test_each_stratum_of_a_dimension_holds_one_point() -> None:
    points = sobol(load_space("ana"), 64, RATES)
    width = math.log(RATES[1] / RATES[0])
    shares = [math.log(float(point["learning_rate"]) / RATES[0]) / width for point in points]
    assert Counter(int(64 * share) for share in shares) == Counter(range(64))


def test_choices_are_balanced() -> None:
    points = sobol(load_space("ana"), 128)
    assert Counter(point["family"] for point in points) == dict.fromkeys(
        ("uniform", "triangular", "normal", "logistic"), 32
    )


def test_a_longer_design_begins_with_the_shorter_one() -> None:
    space = load_space("ana")
    assert sobol(space, 100)[:33] == sobol(space, 33)


def test_the_design_never_changes() -> None:
    """Equal indices must be equal schedules in data of different dates."""
    assert sobol(load_space("inq"), 1, RATES) == [
        {
            "learning_rate": 0.0052301,
            "course": "once",
            "optimizer_state": "keep",
            "activation_std": 0.545971,
            "partition": "smallest",
            "start": 0.357257,
            "end": 0.877725,
            "curve": "equal",
            "stages": 10,
            "synchronization": "staggered",
            "offset_start": -0.180705,
            "offset_end": 0.107922,
        },
    ]


@pytest.mark.parametrize(
    ("parameter", "shares", "values"),
    [
        (Float(low=-1, high=3), (0.0, 0.25, 0.5), (-1, 0, 1)),
        (Float(low=0.01, high=1, log=True), (0.0, 0.5), (0.01, 0.1)),
        (Int(low=1, high=3), (0.0, 0.34, 0.99), (1, 2, 3)),
        (Choice(choices=("a", "b", "c", "d")), (0.24, 0.25, 0.99), ("a", "b", "d")),
    ],
)
def test_quantiles(
    parameter: Float | Int | Choice, shares: tuple[float, ...], values: tuple[object, ...]
) -> None:
    assert tuple(parameter.quantile(share) for share in shares) == values
    for share in np.linspace(0, 1, 101)[:-1]:
        assert parameter.holds(parameter.quantile(float(share)))
