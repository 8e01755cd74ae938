"""Rules: a planted formula is found, and none is found where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from qsched.learning.analysis.formulas import Formula
from qsched.learning.analysis.rules import Responses, fit_rule

GRID = np.geomspace(0.01, 10, 25)


def planted(best: np.ndarray) -> Responses:
    """Losses that grow with the distance from each task's own best value."""
    losses = 0.02 * np.square(np.log(GRID[None, :]) - np.log(best)[:, None])
    return Responses(GRID, losses, log=True)


def tasks(count: int = 16, seed: int = 0) -> tuple[dict[str, np.ndarray], list[str]]:
    random = np.random.default_rng(seed)
    features = {
        "depth": random.choice([3.0, 5.0, 9.0, 14.0], count),
        "steps": random.choice([300.0, 600.0, 1200.0, 2400.0], count),
        "levels": np.full(count, 3.0),
    }
    return features, [f"data-{i % 4}" for i in range(count)]


def test_a_planted_power_of_one_feature_is_found() -> None:
    features, groups = tasks()
    rule = fit_rule(planted(4 * features["depth"] ** -1.0), features, groups)
    assert rule.formula.features == ("depth",)
    assert rule.held_out < 0.1 * rule.constant
    for depth in (3.0, 9.0, 14.0):
        assert rule.formula.value({"depth": depth}) == pytest.approx(4 / depth, rel=0.1)


def test_where_one_value_suits_all_the_rule_is_a_constant() -> None:
    features, groups = tasks()
    rule = fit_rule(planted(np.full(16, 0.5)), features, groups)
    assert rule.formula.features == ()
    assert rule.formula.numbers[0] == pytest.approx(0.5, rel=0.15)


def test_noise_is_not_taken_for_a_rule() -> None:
    """Best values that no feature explains: a formula must not seem to."""
    wrong = 0
    for seed in range(8):
        features, groups = tasks(seed=seed)
        best = np.exp(np.random.default_rng(100 + seed).normal(0, 0.5, 16))
        rule = fit_rule(planted(best), features, groups, forms=("constant", "power", "log"))
        wrong += bool(rule.formula.features)
    assert wrong <= 3


def test_the_value_in_use_stays_unless_something_is_better() -> None:
    features, groups = tasks()
    flat = Responses(GRID, np.zeros((16, 25)), log=True)
    assert fit_rule(flat, features, groups, current=0.7).formula.numbers == (0.7,)
    moved = fit_rule(planted(np.full(16, 0.05)), features, groups, current=0.7)
    assert moved.formula.numbers[0] == pytest.approx(0.05, rel=0.2)


def test_losses_are_interpolated_between_values() -> None:
    responses = Responses(np.array([0.0, 1.0]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert responses.at(np.array([[0.25, 0.25], [2.0, -1.0]])).tolist() == [
        [0.25, 0.75],
        [1.0, 1.0],
    ]


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        (Formula("constant", (), (2.5,)), 2.5),
        (Formula("log", ("depth",), (1.0, 2.0)), 1 + 2 * np.log(9)),
        (Formula("min", ("depth",), (1.0, 1.0, 4.0)), 4.0),
        (Formula("max", ("depth",), (1.0, 1.0, 4.0)), 9.0),
        (Formula("product", ("depth", "steps"), (2.0, 0.5, 1.0)), 2 * 3 * 100),
    ],
)
def test_formulas_mean_what_they_say(formula: Formula, value: float) -> None:
    features = {"depth": 9.0, "steps": 100.0}
    assert formula.value(features) == pytest.approx(value)
    assert formula.nodes <= 15
