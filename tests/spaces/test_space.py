"""Search spaces: points, schedules, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsched.errors import SpecError
from qsched.files import Document, bundled_names
from qsched.schedules import CONTROLS, Place, Power, Schedule, depths
from qsched.spaces import Choice, Float, Int, Parameter, SearchSpace, Value, load_space

SPACES = {name: load_space(name) for name in bundled_names("search_spaces")}
PLACES = [Place(role, d) for role in ("weights", "activations") for d in depths(5)]
U = np.linspace(0, 1, 61)

TINY = """\
format: qsched/space/1
name: tiny
parameters:
  rate: {type: float, low: 0.001, high: 0.1, log: true}
  shape: {type: choice, choices: [power, steps]}
  exponent: {type: float, low: 1, high: 3, when: {shape: [power]}}
  stages: {type: int, low: 2, high: 4, when: {shape: [steps]}}
schedule:
  learning_rate: {initial: $rate}
  decay:
    choose: shape
    cases:
      power: {shape: power, exponent: $exponent}
      steps: {shape: steps, stages: $stages}
"""


@pytest.fixture(scope="module")
def tiny() -> SearchSpace:
    return Document.of(TINY).to(SearchSpace)


def test_decode(tiny: SearchSpace) -> None:
    schedule = tiny.decode({"rate": 0.01, "shape": "power", "exponent": 2})
    assert schedule.learning_rate.initial == 0.01
    assert schedule.decay == Power(exponent=2.0)


@pytest.mark.parametrize(
    ("point", "messages"),
    [
        ({"shape": "power", "exponent": 2.0}, ["rate: an active parameter needs a value"]),
        (
            {"rate": 0.01, "shape": "power", "exponent": 2.0, "stages": 3},
            ["stages: active only when"],
        ),
        ({"rate": 1.0, "shape": "steps", "stages": 2.5}, ["rate: must be", "stages: must be"]),
        ({"rate": True, "shape": "step"}, ["rate: must be within", "shape: must be within"]),
        (
            {"rat": 0.01, "shape": "steps", "stages": 2},
            ["rat: no such parameter; did you mean `rate`?", "rate: an active"],
        ),
        ({"rate": float("nan"), "shape": "steps", "stages": 2}, ["rate: must be within"]),
    ],
)
def test_illegal_points(tiny: SearchSpace, point: dict[str, Value], messages: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        tiny.decode(point)
    found = [str(problem) for problem in caught.value.problems]
    assert len(found) == len(messages)
    for text, message in zip(found, messages, strict=True):
        assert text.startswith(message)


def test_encode_finds_the_point_or_none(tiny: SearchSpace) -> None:
    point = {"rate": 0.02, "shape": "steps", "stages": 3}
    schedule = tiny.decode(point)
    assert tiny.encode(schedule) == point
    outside = schedule.learning_rate.model_copy(update={"initial": 0.5})
    assert tiny.encode(schedule.model_copy(update={"learning_rate": outside})) is None
    # What the template leaves to its default must have it.
    lagging = schedule.lag.model_copy(update={"activations": 0.1})
    assert tiny.encode(schedule.model_copy(update={"lag": lagging})) is None


def test_a_repeated_hole_must_agree() -> None:
    text = TINY.replace("  decay:", "  window: {offset_start: $rate, offset_end: $rate}\n  decay:")
    space = Document.of(text).to(SearchSpace)
    schedule = space.decode({"rate": 0.05, "shape": "steps", "stages": 2})
    assert space.encode(schedule) is not None
    window = schedule.window.model_copy(update={"offset_end": 0.06})
    assert space.encode(schedule.model_copy(update={"window": window})) is None


def test_suggest_asks_for_active_parameters_in_order(tiny: SearchSpace) -> None:
    asked: list[str] = []

    def ask(name: str, parameter: Parameter) -> Value:
        asked.append(name)
        return parameter.ends()[-1]

    point = tiny.suggest(ask)
    assert asked == ["rate", "shape", "stages"]
    assert point == {"rate": 0.1, "shape": "steps", "stages": 4}


def test_random_points_fill_the_ranges(tiny: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    points = [tiny.random(rng) for _ in range(2000)]
    rates = np.log10([float(p["rate"]) for p in points])
    # Uniform on [-3, -1]: the mean has a standard error of 2 / sqrt(12 * 2000) = .013.
    assert abs(rates.mean() + 2) < 0.06
    assert {p.get("stages") for p in points} == {None, 2, 3, 4}
    assert 900 < sum(p["shape"] == "steps" for p in points) < 1100


@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_random_points_are_legal_and_come_back(name: str, seed: int) -> None:
    space = SPACES[name]
    point = space.random(np.random.default_rng(seed))
    schedule = space.decode(point)
    table = schedule.at(U, PLACES)
    assert np.all(np.isfinite(table))
    assert np.all(table[-1, :, CONTROLS.index("forward_std")] == 0)
    assert np.all(schedule.learning_rates(U) > 0)
    found = space.encode(schedule)
    assert found == point
    np.testing.assert_allclose(space.decode(found).at(U, PLACES), table, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SPACES)
def test_extremes_are_legal(name: str) -> None:
    space = SPACES[name]
    for end in (0, -1):
        for preference in range(5):

            def ask(name: str, parameter: Parameter, end: int = end, k: int = preference) -> Value:
                ends = parameter.ends()
                return ends[k % len(ends)] if isinstance(parameter, Choice) else ends[end]

            point = space.suggest(ask)
            assert isinstance(space.decode(point), Schedule)


@pytest.mark.parametrize("name", SPACES)
def test_bundled_spaces_are_documented_and_small(name: str) -> None:
    space = SPACES[name]
    assert space.name == name
    assert space.about
    assert space.reference
    assert all(parameter.about for parameter in space.parameters.values())
    assert sum(not parameter.when for parameter in space.parameters.values()) <= 9


def test_learning_rates_hold_the_published_and_the_tuned_ones() -> None:
    for name in SPACES:
        rate = SPACES[name].parameters["learning_rate"]
        assert isinstance(rate, Float)
        assert rate.log
        assert all(rate.holds(value) for value in (3e-4, 1e-3, 1e-2, 0.03, 0.1))


def test_parameters_hold_only_their_values() -> None:
    whole = Int(low=1, high=3)
    assert [whole.holds(v) for v in (0, 1, 3, 4, 2.0, True, "2")] == [
        False, True, True, False, False, False, False,
    ]  # fmt: skip
    real = Float(low=0, high=1)
    assert [real.holds(v) for v in (0, 1.0, 1.1, False, "0")] == [True, True, False, False, False]
    assert [Choice(choices=("a",)).holds(v) for v in ("a", "b", 0)] == [True, False, False]
