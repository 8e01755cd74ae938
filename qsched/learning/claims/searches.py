"""How many trials searches took to reach the best hand-coded or static schedule."""

from __future__ import annotations

import re

from qsched.learning.claims.evidence import Evidence

__all__ = ["CENSORED", "LIMITS", "trials"]

CENSORED = 96
"""Trials of a search that did not reach its target: no fewer than these."""

LIMITS = {"cold": 96, "warm": 40}
"""Trials at which a stored search was given up."""


def trials(evidence: Evidence, task: str, kind: str) -> list[int]:
    """Return the trials that each stored search of a task took.

    Args:
        evidence: the runs.
        task: the task.
        kind: ``cold`` or ``warm``.

    Returns:
        One number a search; :data:`CENSORED` where it ended before its target.
    """
    target = evidence.targets[task]
    pattern = re.compile(rf"{kind}-(ana|inq)-{re.escape(task)}-(\d+)-(\d+)")
    found: dict[tuple[str, str], dict[int, float]] = {}
    for name in evidence.bench.arms.name:
        matched = pattern.fullmatch(str(name))
        if matched and matched[1] == "ana":
            value = evidence.search_mean(task, str(name))
            found.setdefault((matched[1], matched[2]), {})[int(matched[3])] = value
    return [_needed(values, target, LIMITS[kind]) for values in found.values()]


def _needed(values: dict[int, float], target: float, limit: int) -> int:
    """Return the first trial that reaches the target.

    A search ends with the batch that reaches it. One that ended early has reached the target as it
    was known then, even if rivals were trained on more seeds since; its best trial counts.
    """
    goal = min(target, max(values.values())) if len(values) < limit else target
    return next((i + 1 for i in sorted(values) if values[i] >= goal), CENSORED)
