"""How many trials searches took to reach the best hand-coded or static schedule."""

from __future__ import annotations

from qsched.learning.claims.evidence import Evidence
from qsched.learning.claims.traces import REPEATS, search_group

__all__ = ["CENSORED", "LIMITS", "trials"]

CENSORED = 96
"""Trials of a search that did not reach its target: no fewer than these."""

LIMITS = {"cold": 96, "warm": 40}
"""Trials at which a stored search was given up."""


def trials(evidence: Evidence, task: str, kind: str) -> list[int]:
    """Return the trials that each stored search of a task took, with noise annealing.

    Args:
        evidence: the runs.
        task: the task.
        kind: ``cold`` or ``warm``.

    Returns:
        One number a search; :data:`CENSORED` where it ended before its target.
    """
    arms = evidence.bench.arms
    mine = arms.where((arms.kind == f"{kind} search") & (arms.algorithm == "ana"))
    found = []
    for repeat in range(REPEATS):
        tried = mine.where(mine.group == search_group(task, repeat))
        values = {
            int(index): evidence.search_mean(task, str(name))
            for index, name in zip(tried.index, tried.name, strict=True)
        }
        if values:
            found.append(_needed(values, evidence.targets[task], LIMITS[kind]))
    return found


def _needed(values: dict[int, float], target: float, limit: int) -> int:
    """Return the first trial that reaches the target.

    A search ends with the batch that reaches it. One that ended early has reached the target as it
    was known then, even if rivals were trained on more seeds since; its best trial counts.
    """
    goal = min(target, max(values.values())) if len(values) < limit else target
    return next((i + 1 for i in sorted(values) if values[i] >= goal), CENSORED)
