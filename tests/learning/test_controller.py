"""The controller: its formula, and an evolution strategy that finds a known best one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from qsched.files import bundled
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


def test_the_code_and_figures_of_the_page_hold() -> None:
    page = (Path(__file__).parents[2] / "docs" / "controller.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(block, {})
    found = json.loads((bundled("studies/data") / "controller.json").read_text())
    for compared in found["comparisons"]:
        [line] = [row for row in page.splitlines() if row.startswith(f"| {compared['task']}")]
        for key in ("controller", "replay", "even"):
            assert f"{100 * compared[key]['mean']:.1f} %" in line
        for key in ("minus_replay", "minus_even"):
            low, high = compared[key]["interval"]
            difference = 100 * compared[key]["difference"]
            assert f"{difference:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]" in line
