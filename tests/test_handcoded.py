"""Hand-coded schedules: points of bundled spaces, and equal to what was published.

The references here are plain loops over the published timer formulas and epoch lists.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsched.files import bundled, bundled_names
from qsched.schedules import Ana, Inq, Place, Schedule, depths
from qsched.schedules.file import load_schedule
from qsched.spaces import load_space

NAMES = bundled_names("search_spaces/handcoded")
FILES = {name: load_schedule(name) for name in NAMES}
SPACES = {name: load_space(name) for name in bundled_names("search_spaces")}
PLACES = [Place(role, d) for role in ("weights", "activations") for d in depths(7)]
HALF = 0.5 / math.sqrt(3)
"""True standard deviation of uniform noise of half-width 1/2."""

fractions = st.floats(0, 1)


def _schedule(name: str) -> Schedule:
    return FILES[name].schedule


@pytest.mark.parametrize("name", NAMES)
def test_file(name: str) -> None:
    file = FILES[name]
    assert file.name == name
    assert file.about
    assert file.source
    assert load_schedule(bundled("search_spaces/handcoded") / f"{name}.yaml") == file


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(
    u=st.lists(fractions, min_size=1, max_size=20),
    places=st.lists(
        st.builds(Place, st.sampled_from(["weights", "activations"]), fractions), min_size=1
    ),
)
def test_is_an_exact_point_of_a_space(name: str, u: list[float], places: list[Place]) -> None:
    schedule = _schedule(name)
    points = {n: point for n, s in SPACES.items() if (point := s.encode(schedule)) is not None}
    assert points
    progress = np.array(u)
    for space, point in points.items():
        found = SPACES[space].decode(point)
        expected, actual = schedule.at(progress, places), found.at(progress, places)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            found.learning_rates(progress), schedule.learning_rates(progress), rtol=0, atol=1e-12
        )
        assert found.stages().tolist() == schedule.stages().tolist()
        for place in places:
            assert found.method(place) == schedule.method(place)


def test_expected_spaces() -> None:
    for name in NAMES:
        space = "inq" if name.startswith("inq") else "surrogate" if name == "ede" else "ana"
        assert SPACES[space].encode(_schedule(name)) is not None


# --- CVPR 2022: L = 7 layers, periods of T = 50 of 500 epochs ----------------------------------

LAYERS, PERIOD, EPOCHS = 7, 50, 500
INTERVALS = {
    "overlapped": lambda i: (0, LAYERS * PERIOD),
    "same-start": lambda i: (0, (i + 1) * PERIOD),
    "same-end": lambda i: ((LAYERS - 1 - i) * PERIOD, LAYERS * PERIOD),
    "partition": lambda i: (i * PERIOD, (i + 1) * PERIOD),
}


def _timer(t: int, start: int, end: int, alpha: int) -> float:
    """The published timer: 1 before its window, 0 after it, a power of what remains inside."""
    return ((end - min(max(t, start), end)) / (end - start)) ** alpha


@pytest.mark.parametrize(
    ("interval", "power", "mean"),
    list(itertools.product(INTERVALS, ["homogeneous", "progressive"], ["static", "dynamic"])),
)
def test_cvpr(interval: str, power: str, mean: str) -> None:
    schedule = _schedule(f"ana-cvpr-{interval}-{power}-{mean}")
    epochs = range(EPOCHS + 1)
    expected = np.zeros((EPOCHS + 1, LAYERS, 4))
    for t, i in itertools.product(epochs, range(LAYERS)):
        start, end = INTERVALS[interval](i)
        p = LAYERS - i if power == "progressive" else 1
        std = HALF * _timer(t, start, end, 2 * p)
        shift = -0.5 * _timer(t, start, end, p) if mean == "dynamic" else 0.0
        expected[t, i] = [std, shift, std, 0]
    u = np.arange(EPOCHS + 1) / EPOCHS
    for half in (PLACES[:LAYERS], PLACES[LAYERS:]):
        np.testing.assert_allclose(schedule.at(u, half), expected, rtol=0, atol=1e-12)
    rates = [1e-3 if t < 400 else 1e-4 for t in epochs]
    np.testing.assert_allclose(schedule.learning_rates(u), rates, rtol=1e-12)


def test_cvpr_noise_is_gone_exactly() -> None:
    # A layer is hard from the very epoch on at which its window closes.
    schedule = _schedule("ana-cvpr-partition-homogeneous-static")
    for i in range(LAYERS):
        for t in range(EPOCHS + 1):
            std = schedule.at(t / EPOCHS, [PLACES[i]])[0, 0]
            assert (std == 0) == (t >= (i + 1) * PERIOD)


# --- 2019 -------------------------------------------------------------------------------------


def test_2019_partition() -> None:
    schedule = _schedule("ana-2019-partition")
    places = [Place("weights", d) for d in depths(10)]
    u = np.arange(1001) / 1000
    table = schedule.at(u, places)
    for t, i in itertools.product(range(1001), range(10)):
        std = HALF * (1 - min(max((t - 50 * i) / 50, 0), 1))
        assert table[t, i] == pytest.approx([std, 0, HALF, 0], abs=1e-12)
    rates = [1e-3 if t < 700 else 1e-4 for t in range(1001)]
    np.testing.assert_allclose(schedule.learning_rates(u), rates, rtol=1e-12)


def test_2019_overlapped() -> None:
    schedule = _schedule("ana-2019-overlapped")
    for t in range(0, 1001, 7):
        std = HALF * (1 - min(t / 700, 1))
        for row in schedule.at(t / 1000, PLACES):
            assert row == pytest.approx([std, 0, HALF, 0], abs=1e-12)


# --- Other annealing --------------------------------------------------------------------------


@given(fractions)
def test_static(u: float) -> None:
    for row in _schedule("ana-ste-static").at(u, PLACES):
        assert row.tolist() == [0, 0, pytest.approx(1 / math.sqrt(12), rel=1e-15), 0]


@given(fractions)
def test_ede(u: float) -> None:
    low, high = math.log10(0.1), math.log10(10)
    t = 10 ** (low + (high - low) * u)
    scale = 1 / (2 * t)
    for row in _schedule("ede").at(u, PLACES):
        # The window closes 1e-9 early, where t is 10 already.
        assert row == pytest.approx([0, 0, scale * math.pi / math.sqrt(3), 0], abs=1e-8)


def test_delayed() -> None:
    schedule = _schedule("delayed-ste")
    for k in range(301):
        std = HALF if Fraction(k, 300) < Fraction(3, 10) else 0
        for row in schedule.at(k / 300, PLACES):
            assert row == pytest.approx([std, 0, HALF, 0], abs=1e-15)


def test_rule() -> None:
    schedule = _schedule("ana-rule")
    for k, i in itertools.product(range(0, 301, 5), range(LAYERS)):
        std = HALF * (1 - min(k / 300 / ((i + 1) / 10), 1))
        row = schedule.at(k / 300, [PLACES[i]])[0]
        assert row == pytest.approx([std, 0, 1.4 / math.sqrt(3), 0], abs=1e-12)


def test_reverse_is_the_partition_upside_down() -> None:
    partition = _schedule("ana-cvpr-partition-homogeneous-static")
    u = np.arange(501) / 500
    np.testing.assert_allclose(
        _schedule("ana-reverse").at(u, PLACES[:7]),
        partition.at(u, PLACES[:7])[:, ::-1],
        rtol=0,
        atol=1e-12,
    )


# --- INQ --------------------------------------------------------------------------------------

STAGES: dict[str, dict[Fraction, float]] = {
    "inq-one-shot": {Fraction(1, 2): 1.0},
    "inq-halves": dict(
        zip((Fraction(n, 20) for n in (6, 9, 12, 15)), (0.5, 0.75, 0.875, 1.0), strict=True)
    ),
    "inq-alexnet": dict(
        zip((Fraction(n, 20) for n in (6, 9, 12, 15)), (0.3, 0.6, 0.8, 1.0), strict=True)
    ),
    "inq-googlenet": dict(
        zip(
            (Fraction(n, 100) for n in (27, 39, 51, 63, 75)),
            (0.2, 0.4, 0.6, 0.8, 1.0),
            strict=True,
        )
    ),
    "inq-2bit": dict(
        zip(
            (Fraction(n, 100) for n in range(21, 76, 6)),
            (0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.975, 1.0),
            strict=True,
        )
    ),
    "inq-quantlab": {
        Fraction(epoch, 1350): fraction
        for epoch, fraction in {
            150: 0.2, 250: 0.4, 350: 0.6, 450: 0.7, 550: 0.8, 650: 0.85, 750: 0.9,
            850: 0.9375, 950: 0.96875, 1050: 0.984375, 1150: 1.0,
        }.items()
    },
}  # fmt: skip
STAGES["inq-random"] = STAGES["inq-smallest"] = STAGES["inq-halves"]


@pytest.mark.parametrize("name", STAGES)
def test_inq_stages(name: str) -> None:
    schedule, due = _schedule(name), STAGES[name]
    np.testing.assert_allclose(schedule.stages(), [float(u) for u in due], atol=1e-12)
    for steps in (100, 300, 620, 1350):
        for k in range(steps + 1):
            frozen = max([f for u, f in due.items() if Fraction(k, steps) >= u], default=0.0)
            table = schedule.at(k / steps, [PLACES[0], PLACES[6], PLACES[7]])
            assert table[:2].tolist() == [[0, 0, 0, frozen]] * 2
            assert table[2].tolist() == [0, 0, pytest.approx(HALF), 0]


def test_quantlab_learning_rate() -> None:
    schedule = _schedule("inq-quantlab")
    published = dict.fromkeys(range(1350), 0.001)
    for stage in range(150, 1151, 100):
        published |= dict.fromkeys(range(stage - 50, stage), 0.0001)
    published |= dict.fromkeys(range(1200, 1250), 0.0001) | dict.fromkeys(range(1250, 1350), 1e-05)
    different = [
        t
        for t, rate in published.items()
        if float(schedule.learning_rates(t / 1350)) != pytest.approx(rate)
    ]
    # As the file says: 25 epochs of the first stage, and the last stage.
    assert different == [*range(75, 100), *range(1200, 1350)]


def test_inq_methods() -> None:
    partitions = {name: _schedule(name).weights for name in NAMES if name.startswith("inq")}
    for name, method in partitions.items():
        assert isinstance(method, Inq)
        expected = {"inq-random": "random", "inq-layerwise": "random", "inq-smallest": "smallest"}
        assert method.partition == expected.get(name, "magnitude")
        assert method.reset_optimizer == (name == "inq-quantlab")
        activations = _schedule(name).activations
        assert isinstance(activations, Ana)
        assert (activations.forward_std, activations.backward_floor) == (0, 1)


def test_layerwise() -> None:
    schedule = _schedule("inq-layerwise")
    for k, i in itertools.product(range(501), range(LAYERS)):
        frozen = schedule.at(k / 500, [PLACES[i]])[0, 3]
        assert frozen == pytest.approx(min(max((k - 50 * i) / 50, 0), 1), abs=1e-12)
