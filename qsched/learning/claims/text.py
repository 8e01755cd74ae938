"""Verdicts on claims as a table of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from qsched.learning.claims.verdicts import Outcome

__all__ = ["as_markdown"]


def as_markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a table of all lines, each claim's words and verdict above its lines."""
    rows = ["| | compared | tasks | estimate | 95 % interval | p (Holm) | |", "|" + "---|" * 7]
    for outcome in outcomes:
        rows.append(
            f"| **{outcome.number}** | **{outcome.words}** | | | | | **{outcome.verdict}** |"
        )
        rows += [
            f"| {line.id} | {line.words} | {len(line.tasks)} | {line.estimate_text} "
            f"| {line.interval_text} | {line.p_text} "
            f"| {line.verdict}{f': {line.note}' if line.note else ''} |"
            for line in outcome.lines
        ]
    return "\n".join(rows)
