"""Verdicts on claims: holds, does not hold, undecided, each with its interval and its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from qsched.learning.claims.claims import Claim, Claims, Line
from qsched.learning.claims.evidence import Evidence
from qsched.learning.claims.inference import hierarchical_interval, holm, sign_flip, wilcoxon
from qsched.learning.claims.measures import MEASURES, Measured
from qsched.schedules.base import Frozen
from qsched.study.statistics import p_text

__all__ = ["LineOutcome", "Outcome", "Word", "judge"]

Word = Literal["holds", "does not hold", "undecided"]

_FEWEST = 3
"""Tasks below which nothing is decided."""
_RESAMPLES = 4000
_DIFFERENCES = ("at_least", "not_worse", "nowhere_worse", "near_zero")


class LineOutcome(Frozen):
    """What became of one line.

    Attributes:
        id, words: of the line.
        verdict: the word.
        estimate: mean difference over tasks in accuracy, or the ratio or median that is tested;
            None without runs.
        interval: of the estimate.
        p: one-sided sign-flip p-value over tasks, after Holm's correction over all lines; None
            where the test has none.
        wilcoxon: one-sided p-value of Wilcoxon's signed-rank test, not corrected.
        tasks: estimate by task.
        missing: tasks without runs.
        share: whether the estimate is a difference of accuracies.
        note: why, where it does not hold or is undecided.
    """

    id: str
    words: str
    verdict: Word
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    wilcoxon: float | None = None
    tasks: dict[str, float] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    share: bool = True
    note: str = ""

    @property
    def estimate_text(self) -> str:
        """The estimate with its unit."""
        if self.estimate is None:
            return "-"
        return f"{100 * self.estimate:+.2f} points" if self.share else f"{self.estimate:.2f}"

    @property
    def interval_text(self) -> str:
        """The interval, in the same unit."""
        if self.interval is None:
            return "-"
        low, high = self.interval
        return (
            f"{100 * low:+.2f} to {100 * high:+.2f}" if self.share else f"{low:.2f} to {high:.2f}"
        )

    @property
    def p_text(self) -> str:
        """The p-value."""
        return "-" if self.p is None else p_text(self.p)


class Outcome(Frozen):
    """What became of a claim: it holds where all its lines do, and fails where one does."""

    id: str
    number: int
    words: str
    verdict: Word
    lines: tuple[LineOutcome, ...]


def judge(claims: Claims, evidence: Evidence) -> list[Outcome]:
    """Return the verdict on every claim.

    Args:
        claims: what is claimed, and at which level.
        evidence: the runs.
    """
    lines = [line for claim in claims.claims for line in claim.lines]
    measured = {
        line.id: MEASURES[line.measure](evidence, evidence.tasks(line.tasks)) for line in lines
    }
    raw = {line.id: _p_value(line, measured[line.id], claims) for line in lines}
    tested = [name for name, p in raw.items() if p is not None]
    corrected = dict(zip(tested, holm([raw[name] or 0.0 for name in tested]), strict=True))
    return [_outcome(claim, claims, measured, corrected) for claim in claims.claims]


def _outcome(
    claim: Claim, claims: Claims, measured: dict[str, Measured], p_values: dict[str, float]
) -> Outcome:
    lines = tuple(
        _judged(line, measured[line.id], claims, p_values.get(line.id)) for line in claim.lines
    )
    words = {line.verdict for line in lines}
    verdict: Word = (
        "does not hold"
        if "does not hold" in words
        else "undecided"
        if "undecided" in words
        else "holds"
    )
    return Outcome(
        id=claim.id, number=claim.number, words=claim.words, verdict=verdict, lines=lines
    )


def _judged(line: Line, measured: Measured, claims: Claims, p: float | None) -> LineOutcome:
    by_task = _by_task(line, measured)
    share = line.test in _DIFFERENCES
    if len(by_task) < _FEWEST:
        return LineOutcome(
            id=line.id,
            words=line.words,
            verdict="undecided",
            tasks=by_task,
            missing=measured.missing,
            share=share,
            note=f"needs at least {_FEWEST} tasks, but {len(by_task)} have the runs it takes",
        )
    estimate, low, high = _interval(line, measured, claims)
    verdict, note = _decide(line, (estimate, low, high), measured, claims, p)
    if measured.missing:
        lacking = f"runs missing on {len(measured.missing)} of the tasks"
        note = "; ".join(filter(None, (note, lacking)))
    return LineOutcome(
        id=line.id,
        words=line.words,
        verdict=verdict,
        estimate=estimate,
        interval=(low, high),
        p=p,
        wilcoxon=_wilcoxon(line, measured, claims),
        tasks=by_task,
        missing=measured.missing,
        share=share,
        note=note,
    )


def _by_task(line: Line, measured: Measured) -> dict[str, float]:
    if not measured.others:
        return {task: float(np.mean(v)) for task, v in measured.values.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            task: float(np.divide(np.mean(v), np.mean(measured.others[task])))
            for task, v in measured.values.items()
        }


def _interval(line: Line, measured: Measured, claims: Claims) -> tuple[float, float, float]:
    """Return estimate, lower and upper edge of what the line tests."""
    values = list(measured.values.values())
    if line.test not in ("median_at_most", "ratio_at_least"):
        return hierarchical_interval(values, claims.level)
    above = np.array([np.mean(v) for v in values])
    draws = np.random.default_rng(0).integers(len(above), size=(_RESAMPLES, len(above)))
    if line.test == "median_at_most":
        estimate, drawn = float(np.median(above)), np.median(above[draws], axis=1)
    else:
        below = np.array([np.mean(v) for v in measured.others.values()])
        estimate = float(above.mean() / below.mean()) if below.mean() else np.inf
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = above[draws].mean(axis=1) / below[draws].mean(axis=1)
    edges = np.quantile(drawn, [(1 - claims.level) / 2, (1 + claims.level) / 2])
    return estimate, float(edges[0]), float(edges[1])


def _decide(
    line: Line,
    found: tuple[float, float, float],
    measured: Measured,
    claims: Claims,
    p: float | None,
) -> tuple[Word, str]:
    """Return the verdict on a line, and the reason where it does not hold."""
    estimate, low, high = found
    if line.sign < 0:
        estimate, low, high = -estimate, -high, -low
    match line.test:
        case "at_least":
            met = estimate >= line.value and low > 0 and (p is not None and p < claims.alpha)
            return _word(met, high < max(line.value, 0.0), _reason(estimate, low, line, p, claims))
        case "not_worse":
            return _word(low > -claims.margin, high < -claims.margin, "the margin lies inside")
        case "nowhere_worse":
            return _nowhere_worse(measured, claims)
        case "median_at_most":
            return _word(estimate <= line.value and high <= line.value, low > line.value, "")
        case "near_zero":
            inside = -line.value < low and high < line.value
            outside = low > line.value or high < -line.value
            return _word(inside, outside, f"the interval reaches beyond {line.value:g}")
        case "ratio_at_least":
            met = estimate >= line.value and (line.value < 1 or low > 1)
            return _word(met, high < line.value, f"{estimate:.2f} where {line.value:g} is claimed")


def _word(met: bool, excluded: bool, note: str) -> tuple[Word, str]:
    if met:
        return "holds", ""
    return ("does not hold", note) if excluded else ("undecided", note)


def _reason(estimate: float, low: float, line: Line, p: float | None, claims: Claims) -> str:
    parts = []
    if estimate < line.value:
        parts.append(f"{100 * line.value:g} points are claimed")
    if low <= 0:
        parts.append("the interval holds 0")
    elif p is not None and p >= claims.alpha:
        parts.append("not significant after correction")
    return ", ".join(parts)


def _nowhere_worse(measured: Measured, claims: Claims) -> tuple[Word, str]:
    """Return the verdict of a line that must hold on every task."""
    worse, unsure = [], []
    for task, seeds in measured.values.items():
        _, low, high = hierarchical_interval([seeds], claims.level)
        if high < -claims.margin:
            worse.append(f"{task} ({100 * float(np.mean(seeds)):+.1f})")
        elif low <= -claims.margin:
            unsure.append(task)
    total = len(measured.values)
    if worse:
        return "does not hold", f"worse on {len(worse)} of {total} tasks: {', '.join(worse)}"
    if unsure:
        return "undecided", f"{len(unsure)} of {total} tasks may be worse by more than the margin"
    return "holds", ""


def _p_value(line: Line, measured: Measured, claims: Claims) -> float | None:
    """Return the p-value of a line before correction; None where its test has none."""
    if line.test not in ("at_least", "not_worse") or len(measured.values) < _FEWEST:
        return None
    margin = claims.margin if line.test == "not_worse" else 0.0
    return sign_flip(_means(line, measured), margin)


def _wilcoxon(line: Line, measured: Measured, claims: Claims) -> float | None:
    if line.test not in ("at_least", "not_worse"):
        return None
    margin = claims.margin if line.test == "not_worse" else 0.0
    return wilcoxon(_means(line, measured), margin)


def _means(line: Line, measured: Measured) -> Sequence[float]:
    return [line.sign * float(np.mean(seeds)) for seeds in measured.values.values()]
