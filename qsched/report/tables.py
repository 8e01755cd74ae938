"""The report's tables, as plain text: the page escapes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import TrialState

from qsched.report.comparison import finding
from qsched.report.material import Attempt, Material
from qsched.report.style import LABELS, percent, signed
from qsched.schedules import Ana, Inq, Schedule
from qsched.study.verdict import ArmSummary, Comparison, Contender, Verdict

__all__ = ["Table", "arms_table", "schedules_table", "verdict_table"]

_STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "raced out",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}
_NONE = "\N{EN DASH}"


@dataclass(frozen=True)
class Table:
    """A table with a head; ``marks`` names each row's contender, for its color."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[Contender | None, ...]


def verdict_table(verdict: Verdict) -> Table:
    """Return the claim: test accuracies, and the found schedule's paired differences."""
    level = percent(verdict.level, 0)
    claims = {claim.other: claim for claim in verdict.comparisons}
    head = (
        "contender",
        "schedule",
        f"test accuracy ({level} interval)",
        f"found minus it, points ({level} interval)",
        "p-value",
        "seeds",
        "in words",
    )
    rows = tuple(_verdict_row(arm, claims.get(arm.contender)) for arm in verdict.arms)
    return Table(head, rows, tuple(arm.contender for arm in verdict.arms))


def _verdict_row(arm: ArmSummary, claim: Comparison | None) -> tuple[str, ...]:
    low, high = (percent(edge) for edge in arm.interval)
    accuracy = f"{percent(arm.mean)} ({low} to {high})"
    if claim is None:
        return (
            LABELS[arm.contender],
            arm.arm,
            accuracy,
            _NONE,
            _NONE,
            str(len(arm.accuracies)),
            _NONE,
        )
    low, high = (signed(edge) for edge in claim.interval)
    return (
        LABELS[arm.contender],
        arm.arm,
        accuracy,
        f"{signed(claim.difference)} ({low} to {high})",
        p_value(claim.p_value),
        str(claim.seeds),
        finding(claim),
    )


def p_value(value: float) -> str:
    """Return a p-value at two digits.

    >>> p_value(0.034), p_value(0.0000312)
    ('0.034', '< 0.0001')
    """
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def arms_table(attempts: Sequence[Attempt]) -> Table:
    """Return all arms of the search, best first; those without a score come last."""
    ranked = sorted(attempts, key=lambda a: -1.0 if a.value is None else a.value, reverse=True)
    kinds: dict[str, Contender] = {
        "baseline": "hand-coded",
        "static": "static",
        "candidate": "found",
        "full precision": "full precision",
    }
    rows = tuple(
        (
            attempt.arm,
            attempt.kind,
            _NONE if attempt.value is None else percent(attempt.value, 2),
            str(attempt.seeds),
            _STATES[attempt.state],
            f"{attempt.schedule.learning_rate.initial:.3g}",
        )
        for attempt in ranked
    )
    head = ("arm", "kind", "mean validation accuracy", "seeds", "state", "learning rate")
    return Table(head, rows, tuple(kinds.get(attempt.kind) for attempt in ranked))


def schedules_table(material: Material) -> Table:
    """Return the shown schedules in words: one row a schedule."""
    head = ("contender", "schedule", "weights", "activations", "window", "shape", "learning rate")
    shown = {c: s for c, s in material.shown.items() if c != "full precision"}
    rows = tuple((LABELS[c], s.arm, *_in_words(s.schedule)) for c, s in shown.items())
    return Table(head, rows, tuple(shown))


def _in_words(schedule: Schedule) -> tuple[str, ...]:
    window, lag = schedule.window, schedule.lag
    order = f"{window.start:.0%} to {window.end:.0%}"
    if window.offset_start or window.offset_end:
        order += f", layer offset {window.offset_start:+.2f} / {window.offset_end:+.2f}"
    if lag.activations:
        order += f", activations {lag.activations:+.0%}"
    if lag.backward:
        order += f", backward noise {lag.backward:+.0%}"
    if schedule.overrides:
        order += f", {len(schedule.overrides)} exceptions"
    shape = schedule.decay.model_dump(exclude_defaults=True, exclude={"shape"})
    numbers = ", ".join(f"{name.replace('_', ' ')} {_number(v)}" for name, v in shape.items())
    rate = schedule.learning_rate
    return (
        _method(schedule.weights),
        _method(schedule.activations),
        order,
        f"{schedule.decay.shape} {numbers}".strip(),
        f"{rate.initial:.3g}, {rate.decay}",
    )


def _number(value: object) -> str:
    if isinstance(value, tuple):
        return " / ".join(map(_number, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _method(method: Ana | Inq | None) -> str:
    if method is None:
        return "full precision"
    if isinstance(method, Inq):
        return f"INQ, partition by {method.partition}"
    return (
        f"ANA, {method.family}, {method.forward}, forward {method.forward_std:.2f}, "
        f"backward {method.backward_std:.2f} (floor {method.backward_floor:.0%})"
    )
