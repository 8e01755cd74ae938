"""What the pages say of a study in a line: its state, how far it is, and what it has found."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from qsched.report.style import percent, signed
from qsched.service.models import StudyDetail
from qsched.service.pages.forecast import share_done
from qsched.specs import StudySpec
from qsched.study.forecast import PHASES
from qsched.study.verdict import Comparison, Verdict

__all__ = ["NONE", "Line", "Outcome", "Score", "Step", "lasting", "line"]

NONE = "\N{EN DASH}"
_NARROW = 0.01
"""The interval's picture reaches one point to each side, at least."""
_LIVE = ("waiting", "running", "stopping")


@dataclass(frozen=True)
class Score:
    """An accuracy as text, and whose it is."""

    text: str = NONE
    arm: str = ""


@dataclass(frozen=True)
class Step:
    """A phase of a study: gone through, or the one it is in."""

    name: str
    done: bool
    now: bool


@dataclass(frozen=True)
class Outcome:
    """What a study claims of the schedule found against the best hand-coded one, at a glance.

    Attributes:
        kind: ``better``, ``same`` or ``worse``; also how it is colored.
        sign: one that tells the three apart without colors.
        words: the same in words.
        span: left end, middle and right end of the interval of the difference, from 0 to 100;
            no difference is at 50.
    """

    kind: Literal["better", "same", "worse"]
    sign: str
    words: str
    span: tuple[float, float, float]


@dataclass(frozen=True)
class Line:
    """A study as lists and headings show it.

    Attributes:
        name: its name.
        about: what it is for.
        state: what it does; see :data:`qsched.storage.State`.
        phase: of the search; empty where nothing is known.
        steps: all phases; empty where nothing is known.
        percent_done: how far it is, by expected trainings.
        done: how far it is, in words.
        now: what it does now, in words.
        trials: candidates that are finished.
        trials_total: candidates of its budget.
        runs: trainings so far.
        found: the best candidate.
        rival: the best hand-coded schedule.
        gain: difference of the two, in percentage points.
        gain_note: on which data, and how sure.
        outcome: what is claimed; None before there is a verdict.
        left: estimated time left.
        reason: why it failed.
    """

    name: str
    about: str
    state: str
    phase: str
    steps: tuple[Step, ...]
    percent_done: int
    done: str
    now: str
    trials: int
    trials_total: int
    runs: int
    found: Score
    rival: Score
    gain: str
    gain_note: str
    outcome: Outcome | None
    left: str
    reason: str

    @property
    def over(self) -> bool:
        """Whether nothing changes any more by itself."""
        return self.state not in _LIVE

    @property
    def stoppable(self) -> bool:
        """Whether it can be stopped."""
        return self.state in ("waiting", "running")

    @property
    def resumable(self) -> bool:
        """Whether it can go on from where it stopped."""
        return self.state in ("interrupted", "failed")


def line(study: StudyDetail, spec: StudySpec) -> Line:
    """Return the line of a study."""
    ended, told = study.state == "finished", study.progress
    phase = told.phase if told is not None and told.phase in PHASES and not ended else ""
    verdict = Verdict.model_validate_json(json.dumps(study.verdict)) if study.verdict else None
    found, rival, gain, note = _claimed(verdict) if verdict else _so_far(study)
    words = f"{study.trials} of {study.trials_total} candidates"
    running = study.state == "running"
    left = told.seconds_left if told is not None and running else None
    return Line(
        name=study.study,
        about=spec.about,
        state=study.state,
        phase=phase,
        steps=_steps(phase, ended),
        percent_done=100 if ended else min(99, int(100 * share_done(spec, told))),
        done=f"{phase}, {words}" if phase and running else words,
        now=f"{told.done} of {told.total} in {phase}" if phase and told and running else "",
        trials=study.trials,
        trials_total=study.trials_total,
        runs=study.runs,
        found=found,
        rival=rival,
        gain=gain,
        gain_note=note,
        outcome=_outcome(_claim(verdict)) if verdict else None,
        left=NONE if left is None else lasting(left),
        reason=study.reason or "",
    )


def lasting(seconds: float) -> str:
    """Return a time in words, as coarsely as an estimate deserves.

    >>> lasting(3), lasting(33), lasting(95), lasting(4000), lasting(100_000)
    ('a few seconds', '30 s', '2 min', '1 h 10 min', '28 h')
    """
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"{10 * round(seconds / 10)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes >= 10 * 60:
        return f"{round(minutes / 60)} h"
    hours, minutes = divmod(10 * round(minutes / 10), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def _steps(phase: str, ended: bool) -> tuple[Step, ...]:
    at = len(PHASES) if ended else PHASES.index(phase) if phase in PHASES else -1
    return tuple(Step(name, i < at, i == at) for i, name in enumerate(PHASES))


def _claimed(verdict: Verdict) -> tuple[Score, Score, str, str]:
    scores = {arm.contender: Score(percent(arm.mean), arm.arm) for arm in verdict.arms}
    claim = _claim(verdict)
    low, high = (signed(edge, 1) for edge in claim.interval)
    note = f"test accuracy, {percent(verdict.level, 0)} interval {low} to {high}"
    return scores["found"], scores["hand-coded"], f"{signed(claim.difference, 1)} points", note


def _claim(verdict: Verdict) -> Comparison:
    return next(claim for claim in verdict.comparisons if claim.other == "hand-coded")


def _outcome(claim: Comparison) -> Outcome:
    low, high = claim.interval
    scale = 46 / max(abs(low), abs(high), _NARROW)
    left, middle, right = (50 + scale * value for value in (low, claim.difference, high))
    span = round(left, 1), round(middle, 1), round(right, 1)
    if not claim.significant:
        return Outcome("same", "=", "no significant difference", span)
    if claim.difference > 0:
        return Outcome("better", "\N{BLACK UP-POINTING TRIANGLE}", "better", span)
    return Outcome("worse", "\N{BLACK DOWN-POINTING TRIANGLE}", "worse", span)


def _so_far(study: StudyDetail) -> tuple[Score, Score, str, str]:
    found = _score(study.best, study.best_arm)
    rival = _score(study.best_baseline, study.best_baseline_arm)
    if study.best is None or study.best_baseline is None:
        return found, rival, NONE, ""
    gain = f"{signed(study.best - study.best_baseline, 1)} points"
    return found, rival, gain, "validation accuracy so far, no claim"


def _score(value: float | None, arm: str | None) -> Score:
    return Score() if value is None else Score(percent(value), arm or "")
