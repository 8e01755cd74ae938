"""The way from one schedule to another, part by part: what of the difference mattered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from qsched.learning.analysis.parts import differing, exchanged
from qsched.schedules import Schedule

__all__ = ["Flip", "ablation_path"]

Measure = Callable[[Sequence[Schedule]], np.ndarray]
"""Mean accuracy of schedules on every task, each at its tuned learning rate: [schedules, T]."""


@dataclass(frozen=True, eq=False)
class Flip:
    """One step of the way: the part that was exchanged, and what it gained by task, [T]."""

    part: str
    schedule: Schedule
    gains: np.ndarray


def ablation_path(start: Schedule, goal: Schedule, measure: Measure) -> list[Flip]:
    """Return the greedy way from ``start`` to ``goal``: at every step the part that gains most.

    Args:
        start: such as the best hand-coded schedule.
        goal: such as the incumbent, of the same algorithm.
        measure: scores schedules, paired by seed.

    Returns:
        One step a part in which the two differ; gains add up to the whole difference.

    Reference:
        Fawcett and Hoos, Analysing differences between algorithm configurations through ablation,
        Journal of Heuristics 22, 2016.
    """
    left = differing(start, goal)
    if not left:
        return []
    current = start
    before = measure([start])[0]
    steps: list[Flip] = []
    while left:
        tried = [exchanged(current, goal, [part]) for part in left]
        scores = measure(tried)
        best = int(scores.mean(axis=1).argmax())
        current = tried[best]
        steps.append(Flip(left.pop(best), current, scores[best] - before))
        before = scores[best]
    return steps
