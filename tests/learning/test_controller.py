"""The controller: its formula, and an evolution strategy that finds a known best one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from qsched.learning.controller import PARAMETERS, TOP_SPEED, Controller, evolve

BEST = np.array([0.5, -1.0, 0.0, 1.0, 0.0, 0.8])


def test_speed_is_the_formula() -> None:
    controller = Controller((0.1, 1.0, -2.0, 0.5, 0.25, 3.0))
    signals = np.array([[0.2, 0.4, 0.1, -0.3]])
    drive = 0.1 + 0.2 - 0.8 + 0.05 - 0.075 + 3.0 * 0.5
    assert controller(signals, 0.5)[0] == pytest.approx(TOP_SPEED / (1 + np.exp(-drive)))


def test_speed_never_leaves_its_range() -> None:
    for bias in (-1e9, 1e9):
        speed = Controller((bias, 0.0, 0.0, 0.0, 0.0, 0.0))(np.zeros((1, 4)), 0.0)[0]
        assert 0 <= speed <= TOP_SPEED


def score(controllers: Sequence[Controller], generation: int) -> np.ndarray:
    points = np.array([controller.parameters for controller in controllers])
    noise = 0.02 * np.random.default_rng(generation).standard_normal(len(points))
    return -np.sum((points - BEST) ** 2, axis=1) + noise


def test_evolution_finds_a_known_best_controller() -> None:
    found = evolve(score, generations=60, population=12)
    assert len(PARAMETERS) == 6
    np.testing.assert_allclose(found.controller.parameters, BEST, atol=0.15)
    assert found.scores[-1] > found.scores[0]


def test_a_seed_decides_the_search() -> None:
    assert evolve(score, 3, seed=1) == evolve(score, 3, seed=1)
    assert evolve(score, 3, seed=1) != evolve(score, 3, seed=2)
