"""A verdict as text."""

from __future__ import annotations

from qsched.cli.output import interval_text, percent, points, table
from qsched.study.statistics import p_text
from qsched.study.verdict import ArmSummary, Comparison, Verdict

__all__ = ["verdict_text"]


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict as tables of arms and of comparisons, and its sentence."""
    level = f"{100 * verdict.level:.0f} % interval"
    head = ["contender", "schedule", "test accuracy", level]
    rows = [_arm(arm) for arm in verdict.arms]
    diverged = [arm for arm in verdict.arms if arm.diverged]
    if diverged:
        head.append("diverged")
        rows = [
            [*row, f"{arm.diverged} of {len(arm.accuracies)}"]
            for row, arm in zip(rows, verdict.arms, strict=True)
        ]
    arms = table(head, rows)
    comparisons = table(
        ("found against", "schedule", "difference", level, "p", ""),
        [_comparison(comparison) for comparison in verdict.comparisons],
    )
    first = (
        f"{verdict.study}: {verdict.trials} candidates tried; compared on {len(verdict.seeds)} "
        "fresh seeds and the test set"
    )
    parts = [first, arms, comparisons, verdict.sentence]
    if verdict.rungs:
        parts.insert(3, verdict.rungs)
    if diverged:
        names = ", ".join(f"{arm.arm} ({arm.diverged})" for arm in diverged)
        parts.append(f"Runs that diverged count as 0: those of {names}.")
    return "\n\n".join(parts)


def _arm(arm: ArmSummary) -> list[str]:
    return [arm.contender, arm.arm, percent(arm.mean), interval_text(arm.interval)]


def _comparison(comparison: Comparison) -> tuple[str, ...]:
    low, high = comparison.interval
    return (
        comparison.other,
        comparison.arm,
        points(comparison.difference),
        f"{100 * low:+z.2f} to {points(high)}",
        p_text(comparison.p_value),
        "significant" if comparison.significant else "no significant difference",
    )
