"""Ablation: planted gains are attributed to their parts, and add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from qsched.learning.analysis.ablation import ablation_path
from qsched.learning.analysis.parts import PARTS, differing, exchanged
from qsched.schedules import Ana, Schedule
from qsched.schedules.file import load_schedule

PLAIN = load_schedule("ana-cvpr-partition-homogeneous-static").schedule
RULE = load_schedule("ana-rule").schedule


def measure(schedules: Sequence[Schedule]) -> np.ndarray:
    """Two tasks; a live backward noise gains .2 and .1, a late end .01."""
    rows = []
    for schedule in schedules:
        ana = schedule.activations
        assert isinstance(ana, Ana)
        alive = ana.backward_floor == 1
        end = 0.01 * (schedule.window.end == RULE.window.end)
        rows.append([0.5 + 0.2 * alive + end, 0.6 + 0.1 * alive + end])
    return np.array(rows)


def test_the_part_that_gains_most_comes_first_and_gains_add_up() -> None:
    steps = ablation_path(PLAIN, RULE, measure)
    assert steps[0].part == "backward noise"
    assert steps[0].gains == pytest.approx([0.2, 0.1])
    assert {step.part for step in steps} == set(differing(PLAIN, RULE))
    whole = measure([RULE])[0] - measure([PLAIN])[0]
    assert sum(step.gains for step in steps) == pytest.approx(whole)


def test_the_way_ends_at_its_goal_but_for_the_learning_rate() -> None:
    rate = PLAIN.learning_rate.model_copy(update={"initial": 0.5})
    start = PLAIN.model_copy(update={"learning_rate": rate})
    end = ablation_path(start, RULE, measure)[-1].schedule
    assert end.learning_rate.initial == 0.5
    assert end.weights == RULE.weights
    assert end.window == RULE.window
    assert ablation_path(RULE, RULE, measure) == []


def test_all_parts_together_are_the_whole_schedule() -> None:
    for names in (("ana-reverse", "ana-rule"), ("inq-2bit", "inq-random")):
        one, other = (load_schedule(name).schedule for name in names)
        algorithm = names[0].split("-")[0]
        made = exchanged(one, other, list(PARTS[algorithm]))
        rate = made.learning_rate.model_copy(update={"initial": other.learning_rate.initial})
        assert made.model_copy(update={"learning_rate": rate}) == other


def test_algorithms_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="of one algorithm"):
        exchanged(PLAIN, load_schedule("inq-2bit").schedule, [])
