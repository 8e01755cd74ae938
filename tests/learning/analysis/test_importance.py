"""Importance, surfaces and effects: what was planted is found."""

from __future__ import annotations

import numpy as np
import pytest

from qsched.learning.analysis.effects import effect
from qsched.learning.analysis.importance import importance, over_tasks
from qsched.learning.analysis.surfaces import Surface, columns, encode
from qsched.learning.bench.design import sobol
from qsched.spaces import Value, load_space

SPACE = load_space("ana")
POINTS = sobol(SPACE, 128)


def accuracy(point: dict[str, Value], best: float = 1.0) -> float:
    """The backward width matters most, then how the backward noise ends."""
    off = np.log(float(point["backward_std"]) / best)
    return 0.9 - 0.08 * off**2 - 0.1 * (point["backward"] == "tied")


def test_planted_parameters_come_first_on_the_design_and_among_the_best() -> None:
    design, best = importance(SPACE, POINTS, [accuracy(p) for p in POINTS])
    ranked = sorted(design, key=lambda name: -design[name])
    assert ranked[0] == "backward_std"
    assert "backward" in ranked[:3]
    assert sum(design.values()) == pytest.approx(1)
    assert "backward_std" in sorted(best, key=lambda name: -best[name])[:2]


def test_nothing_is_important_where_all_score_the_same() -> None:
    assert importance(SPACE, POINTS[:8], [0.5] * 8) == ({}, {})
    assert over_tasks([({}, {})]) == []


def test_tasks_are_averaged_with_bands_over_tasks() -> None:
    one = ({"a": 0.8, "b": 0.2}, {"a": 1.0, "b": 0.0})
    other = ({"a": 0.4, "b": 0.6}, {"a": 0.0, "b": 1.0})
    first, second = over_tasks([one, other])
    assert (first.parameter, second.parameter) == ("a", "b")
    assert first.design == pytest.approx(0.6)
    assert first.design_interval == pytest.approx((0.4, 0.8))
    assert first.best_interval == pytest.approx((0.0, 1.0))


def test_points_are_encoded_with_gaps_apart() -> None:
    rows = encode(SPACE, POINTS)
    names = columns(SPACE)
    assert rows.shape == (128, len(names))
    tied = rows[:, names.index("backward=tied")] == 1
    floor = rows[:, names.index("floor")]
    assert (floor[tied] == -1).all()
    assert (rows[:, names.index("backward_std")] >= 0).all()
    assert rows.max() <= 1 + 1e-9


def test_surfaces_predict_and_effects_peak_where_planted() -> None:
    surfaces = [
        Surface(SPACE, POINTS, [accuracy(p, best) for p in POINTS]) for best in (0.8, 1.0, 1.2)
    ]
    fresh = sobol(SPACE, 256)[128:]
    predicted, true = surfaces[1].predict(fresh), [accuracy(p) for p in fresh]
    assert np.corrcoef(predicted, true)[0, 1] > 0.9
    found = effect(SPACE, surfaces, POINTS, "backward_std")
    assert found is not None
    assert found.log
    peak = float(found.values[int(found.mean.argmax())])
    assert 0.5 < peak < 2
    assert (found.low <= found.mean + 1e-9).all()
    assert (found.mean <= found.high + 1e-9).all()
    choice = effect(SPACE, surfaces, POINTS, "backward")
    assert choice is not None
    assert choice.values[int(choice.mean.argmin())] == "tied"
