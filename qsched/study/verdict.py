"""The verdict: found against hand-coded schedules, paired, on fresh seeds and the test set."""

from __future__ import annotations

from typing import Literal

from qsched.schedules import Schedule
from qsched.schedules.base import Frozen

__all__ = ["ArmSummary", "Comparison", "Verdict"]

Contender = Literal["found", "hand-coded", "static", "full precision"]


class ArmSummary(Frozen):
    """One schedule on the report seeds: its test accuracies, in the order of the seeds."""

    contender: Contender
    arm: str
    schedule: Schedule
    accuracies: tuple[float, ...]
    mean: float
    interval: tuple[float, float]


class Comparison(Frozen):
    """Mean paired difference ``found - other`` in accuracy, with a confidence interval."""

    other: Contender
    arm: str
    difference: float
    interval: tuple[float, float]
    p_value: float
    seeds: int
    significant: bool


class Verdict(Frozen):
    """What a study claims, after selection on fresh seeds, from test results opened once.

    ``rungs`` says in words which training lengths served and why.
    """

    study: str
    spec_sha256: str
    level: float
    trials: int
    seeds: tuple[int, ...]
    arms: tuple[ArmSummary, ...]
    comparisons: tuple[Comparison, ...]
    sentence: str
    rungs: str = ""
