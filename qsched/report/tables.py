"""The report's tables, as plain text: the page escapes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import TrialState

from qsched.report.material import Attempt, Material
from qsched.report.style import LABELS, percent, signed
from qsched.schedules import Ana, Inq, Schedule
from qsched.study.statistics import p_text
from qsched.study.verdict import ArmSummary, Comparison, Contender, Verdict

__all__ = ["Card", "Table", "arms_table", "cards", "verdict_table"]

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


@dataclass(frozen=True)
class Card:
    """One schedule in words: facts by label."""

    contender: Contender
    label: str
    arm: str
    facts: dict[str, str]


def verdict_table(verdict: Verdict) -> Table:
    """Return the claim: test accuracies, and the found schedule's paired differences."""
    level = _unbroken(f"({percent(verdict.level, 0)} interval)")
    claims = {claim.other: claim for claim in verdict.comparisons}
    head = (
        "contender",
        "schedule",
        f"test accuracy {level}",
        f"found minus it, points {level}",
        "found is",
        "p-value",
        "seeds",
    )
    rows = tuple(_verdict_row(arm, claims.get(arm.contender)) for arm in verdict.arms)
    return Table(head, rows, tuple(arm.contender for arm in verdict.arms))


def _word(claim: Comparison) -> str:
    if not claim.significant:
        return "no significant difference"
    return "better" if claim.difference > 0 else "worse"


def _verdict_row(arm: ArmSummary, claim: Comparison | None) -> tuple[str, ...]:
    low, high = (f"{100 * min(max(edge, 0.0), 1.0):.1f}" for edge in arm.interval)
    accuracy = f"{percent(arm.mean)} ({low} to {high})"
    claimed = (_NONE, _NONE, _NONE)
    if claim is not None:
        low, high = (signed(edge) for edge in claim.interval)
        difference = f"{signed(claim.difference)} ({low} to {high})"
        claimed = (_unbroken(difference), _word(claim), _unbroken(p_text(claim.p_value)))
    seeds = str(len(arm.accuracies)) + (f", {arm.diverged} diverged" if arm.diverged else "")
    return (LABELS[arm.contender], arm.arm, _unbroken(accuracy), *claimed, seeds)


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")


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


def cards(material: Material) -> tuple[Card, ...]:
    """Return the shown schedules in words, full precision left out."""
    return tuple(
        Card(contender, LABELS[contender], shown.arm, _in_words(shown.schedule))
        for contender, shown in material.shown.items()
        if contender != "full precision"
    )


def _in_words(schedule: Schedule) -> dict[str, str]:
    same = schedule.weights is not None and schedule.weights == schedule.activations
    rate = schedule.learning_rate
    return {
        "Weights": _method(schedule.weights),
        "Activations": "as weights" if same else _method(schedule.activations),
        **({"Hardening": "none: static"} if _static(schedule) else _hardening(schedule)),
        "Learning rate": f"{rate.initial:.3g}, {rate.decay}",
        **({"Exceptions": str(len(schedule.overrides))} if schedule.overrides else {}),
    }


def _static(schedule: Schedule) -> bool:
    """Whether nothing changes during training."""
    return all(
        method is None
        or (
            isinstance(method, Ana)
            and method.forward_std == method.mean == 0
            and method.backward_floor == 1
        )
        for method in (schedule.weights, schedule.activations)
    )


def _hardening(schedule: Schedule) -> dict[str, str]:
    window, lag = schedule.window, schedule.lag
    offset = f"{window.offset_start:+z.2f} start, {window.offset_end:+z.2f} end"
    trailing = f"activations {lag.activations:+z.2f}, backward noise {lag.backward:+z.2f}"
    return {
        "Hardening": f"{percent(window.start, 0)} to {percent(window.end, 0)} of training",
        "Layer offset": offset if window.offset_start or window.offset_end else "none",
        "Lag": trailing if lag.activations or lag.backward else "none",
        "Shape": _shape(schedule),
    }


def _shape(schedule: Schedule) -> str:
    numbers = schedule.decay.model_dump(exclude={"shape"}, exclude_none=True)
    words = [f"{name.replace('_', ' ')} {_number(value)}" for name, value in numbers.items()]
    return ", ".join([schedule.decay.shape, *words])


def _number(value: object) -> str:
    if isinstance(value, tuple):
        return " / ".join(map(_number, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _method(method: Ana | Inq | None) -> str:
    if method is None:
        return "full precision"
    if isinstance(method, Inq):
        return f"INQ, partition by {method.partition}"
    noise = (
        f"ANA, {method.family} noise, {method.forward}; forward {method.forward_std:.2f}, "
        f"backward {method.backward_std:.2f} quanta (floor {percent(method.backward_floor, 0)})"
    )
    return f"{noise}, mean {method.mean:.2f} {method.mean_decay}" if method.mean else noise
