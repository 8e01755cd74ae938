"""The verdict: found against hand-coded schedules, paired, on fresh seeds and the test set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from qsched.schedules import Schedule
from qsched.schedules.base import Frozen

__all__ = ["ArmSummary", "Comparison", "Contender", "Verdict", "sentence"]

Contender = Literal["found", "hand-coded", "static", "full precision"]


class ArmSummary(Frozen):
    """One schedule on the report seeds: its test accuracies, in the order of the seeds."""

    contender: Contender
    arm: str
    schedule: Schedule
    accuracies: tuple[float, ...]
    mean: float
    interval: tuple[float, float]

    @property
    def diverged(self) -> int:
        """Number of runs that count as 0: they diverged."""
        return self.accuracies.count(0.0)


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


def sentence(arms: Sequence[ArmSummary], comparisons: Sequence[Comparison]) -> str:
    """Return the verdict in words; accuracies in percent, differences in percentage points."""
    found = arms[0]
    claims = [_claim(comparison) for comparison in comparisons]
    return f"{found.arm} reaches {100 * found.mean:.1f} % test accuracy: {'; '.join(claims)}."


def _claim(comparison: Comparison) -> str:
    points = 100 * comparison.difference
    other = f"{comparison.other} ({comparison.arm})"
    if comparison.other == "full precision":
        other = "full precision"
    if not comparison.significant:
        low, high = (100 * edge for edge in comparison.interval)
        size = f"{points:+z.1f} points [{low:+z.1f}, {high:+z.1f}]"
        return f"no significant difference from {other}, {size}"
    low, high = sorted(abs(100 * edge) for edge in comparison.interval)
    side = "above" if points > 0 else "below"
    return f"{abs(points):.1f} points [{low:.1f}, {high:.1f}] {side} {other}"
