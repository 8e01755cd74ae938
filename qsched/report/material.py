"""What a report is made of: one study, read from storage once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import get_args

import optuna
from optuna.trial import FrozenTrial, TrialState

from qsched.errors import InputError, StorageError
from qsched.schedules import Schedule
from qsched.storage import RunRow, Storage, StudyRow
from qsched.study.arms import FULL_PRECISION
from qsched.study.verdict import Contender, Verdict

__all__ = ["CONTENDERS", "Attempt", "Material", "Shown", "gather"]

CONTENDERS: tuple[Contender, ...] = get_args(Contender)
"""In the order in which they are drawn and listed."""


@dataclass(frozen=True)
class Attempt:
    """One arm of the search: an Optuna trial.

    ``value`` is its mean validation accuracy, in [0, 1], over ``seeds`` seeds: for an arm that was
    raced out, that of its last rung; None where it has none yet.
    """

    arm: str
    kind: str
    state: TrialState
    value: float | None
    seeds: int
    schedule: Schedule
    trial: FrozenTrial

    @property
    def finished(self) -> bool:
        """Whether the search is done with it: it climbed the whole ladder or was raced out."""
        return self.state in (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Shown:
    """A schedule that stands for one contender in the figures."""

    arm: str
    schedule: Schedule


@dataclass(frozen=True)
class Material:
    """All that the figures and tables of one study's report are drawn from."""

    row: StudyRow
    verdict: Verdict | None
    runs: tuple[RunRow, ...]
    attempts: tuple[Attempt, ...]
    shown: Mapping[Contender, Shown]

    @property
    def candidates(self) -> tuple[Attempt, ...]:
        """The search's own candidates, in the order in which they were asked for."""
        return tuple(attempt for attempt in self.attempts if attempt.kind == "candidate")

    @property
    def sentence(self) -> str:
        """The verdict in words, or that there is none yet."""
        if self.verdict is not None:
            return self.verdict.sentence
        return (
            f"No verdict yet: the study is {self.row.state}. What follows is what it has stored "
            "so far; nothing here has been tested on fresh seeds or on the test set."
        )


def gather(storage: Storage, name: str) -> Material:
    """Read a study with its runs and trials.

    Raises:
        InputError: there is no such study, or it has no runs yet.
        StorageError: its Optuna study is missing.
    """
    row = storage.study(name)
    runs = tuple(storage.runs(name))
    if not runs:
        raise InputError(
            f"a report needs runs, but the study `{name}` has none yet; start it with "
            f"`qsched run {name}`"
        )
    attempts = tuple(_attempts(storage, name))
    # Through JSON text, where a list is a tuple for strict models.
    verdict = Verdict.model_validate_json(json.dumps(row.verdict)) if row.verdict else None
    shown = _claimed(verdict) if verdict else _leading(attempts, runs)
    return Material(row, verdict, runs, attempts, shown)


def _attempts(storage: Storage, name: str) -> Iterable[Attempt]:
    try:
        study = optuna.load_study(study_name=name, storage=storage.optuna)
    except KeyError:
        raise StorageError(
            f"every study has an Optuna study of its name, but `{name}` has none in this "
            "database; restore the database from a copy, or run the study in a new one"
        ) from None
    for trial in study.get_trials(deepcopy=False):
        attrs = trial.user_attrs
        if "schedule" in attrs:
            yield Attempt(
                arm=attrs["arm"],
                kind=attrs["kind"],
                state=trial.state,
                value=_value(trial),
                seeds=trial.last_step or 0,
                schedule=Schedule.model_validate_json(attrs["schedule"]),
                trial=trial,
            )


def _value(trial: FrozenTrial) -> float | None:
    if trial.state == TrialState.COMPLETE:
        return trial.value
    last = trial.last_step
    return None if last is None else trial.intermediate_values[last]


def _claimed(verdict: Verdict) -> dict[Contender, Shown]:
    by_contender = {arm.contender: Shown(arm.arm, arm.schedule) for arm in verdict.arms}
    return {c: by_contender[c] for c in CONTENDERS if c in by_contender}


def _leading(attempts: Sequence[Attempt], runs: Sequence[RunRow]) -> dict[Contender, Shown]:
    """Before a verdict, the best of each kind by its mean validation accuracy so far."""
    kinds: dict[Contender, str] = {
        "found": "candidate",
        "hand-coded": "baseline",
        "static": "static",
    }
    shown: dict[Contender, Shown] = {}
    for contender, kind in kinds.items():
        scored = [
            (a.value, a)
            for a in attempts
            if a.kind == kind and a.state == TrialState.COMPLETE and a.value is not None
        ]
        if scored:
            best = max(scored, key=lambda pair: pair[0])[1]
            shown[contender] = Shown(best.arm, best.schedule)
    schedule = _best_schedule([row for row in runs if row.arm == FULL_PRECISION])
    if schedule is not None:
        shown["full precision"] = Shown(FULL_PRECISION, schedule)
    return shown


def _best_schedule(runs: Sequence[RunRow]) -> Schedule | None:
    """Of one arm's schedules (they differ in learning rate), the one of best mean accuracy."""
    scores: dict[str, list[float]] = {}
    schedules: dict[str, Schedule] = {}
    for row in runs:
        key = row.run.schedule.model_dump_json()
        schedules[key] = row.run.schedule
        scores.setdefault(key, []).append(row.result.accuracy or 0.0)
    return schedules[max(scores, key=lambda key: fmean(scores[key]))] if scores else None
