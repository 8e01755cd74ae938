"""What the API returns, as models: its documentation and its promise."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Checked",
    "Entry",
    "Health",
    "Launched",
    "Listed",
    "Page",
    "Progress",
    "RunItem",
    "RungItem",
    "StudyDetail",
    "StudyItem",
    "Task",
    "TrialItem",
]

T = TypeVar("T")

StudyState = Literal["waiting", "running", "stopping", "interrupted", "finished", "failed"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Page(_Model, Generic[T]):
    """A part of a list.

    Attributes:
        items: the part.
        next: what ``after`` of the next request is; null at the end of the list.
    """

    items: list[T]
    next: str | None = None


class StudyItem(_Model):
    """How far a study is.

    Attributes:
        study: its name.
        state: ``waiting`` for others to end, ``running``, ``stopping``, ``interrupted``,
            ``finished`` or ``failed``.
        trials: finished candidates.
        trials_total: candidates of its budget.
        runs: stored trainings.
        best: best mean validation accuracy of a candidate so far, in [0, 1].
        best_arm: the candidate.
        updated: when its state or its notes were last written, UTC.
        verdict: what it found; null before its end.
    """

    study: str
    state: StudyState
    trials: int
    trials_total: int
    runs: int
    best: float | None
    best_arm: str | None
    updated: datetime
    verdict: dict[str, Any] | None


class Progress(_Model):
    """What a running study last told.

    Attributes:
        phase: ``baselines``, ``search``, ``selection`` or ``report``.
        done: runs finished in this phase.
        total: runs of this phase known so far.
        trials: finished candidates.
        trials_total: candidates of the budget.
        rung: the rung in training, in words.
        best: best mean validation accuracy so far, of baselines too.
        best_arm: whose it is.
        seconds_left: estimated time left of the whole study.
    """

    model_config = ConfigDict(extra="ignore")

    phase: str
    done: int = 0
    total: int = 0
    trials: int = 0
    trials_total: int = 0
    rung: str = ""
    best: float | None = None
    best_arm: str | None = None
    seconds_left: float | None = None


class StudyDetail(StudyItem):
    """A study with what it was asked to do.

    Attributes:
        sha256: hash of the study file.
        created: when it was first stored, UTC.
        spec: the study file with all defaults written out.
        progress: what it last told; null before it ran.
        reason: why it failed, where the server knows.
        best_baseline: best mean validation accuracy of a hand-coded schedule.
        best_baseline_arm: the schedule.
    """

    sha256: str
    created: datetime
    spec: dict[str, Any]
    progress: Progress | None
    reason: str | None
    best_baseline: float | None
    best_baseline_arm: str | None


class TrialItem(_Model):
    """A schedule that a study tried.

    Attributes:
        number: its number in the study, also in the Optuna dashboard.
        arm: its name in the study.
        kind: ``baseline``, ``static`` or ``candidate``.
        state: ``complete`` if it climbed the whole ladder, else ``pruned``.
        value: mean validation accuracy over the seeds it has.
        seeds: how many these are.
        rungs: mean after each rung, by number of seeds.
        params: its point of the search space; empty for a baseline outside of it.
    """

    number: int
    arm: str
    kind: str
    state: str
    value: float | None
    seeds: int
    rungs: dict[str, float]
    params: dict[str, Any]


class RungItem(_Model):
    """A rung that a study began.

    Attributes:
        number: counts the rungs of the study from 1; one that was resumed repeats rungs.
        phase: as in ``progress``.
        rung: how many schedules climb on how many seeds, in words; empty at the start of a phase.
    """

    model_config = ConfigDict(extra="ignore")

    number: int
    phase: str
    rung: str


class RunItem(_Model):
    """A network trained once for a study; see ``docs/storage.md``."""

    id: int
    key: str
    arm: str
    phase: str
    seed: int
    length: float
    evaluate: str
    learning_rate: float
    status: str
    accuracy: float | None
    loss: float | None
    steps: int
    seconds: float
    reason: str | None = None
    created: datetime


class Launched(_Model):
    """A study that was taken.

    Attributes:
        study: its name.
        sha256: hash of its file with all defaults written out.
        state: what becomes of it now.
        created: whether it is new; the same file sent again changes nothing.
    """

    study: str
    sha256: str
    state: StudyState
    created: bool


class Entry(_Model):
    """A bundled file: its name, and what it is about."""

    name: Annotated[str, Field(examples=["ana-2019-overlapped"])]
    about: str


class Task(_Model):
    """A name that the task of a study file may use, and of what kind."""

    name: Annotated[str, Field(examples=["digits"])]
    kind: Annotated[str, Field(examples=["data set"])]


class Listed(_Model):
    """What ``qsched ls`` lists: a bundled file, or a name that tasks are made of."""

    kind: Literal["studies", "spaces", "schedules", "tasks"]
    name: str
    about: str


class Checked(_Model):
    """A file without faults.

    Attributes:
        kind: of the file.
        name: its name.
        trainings: how many trainings a study takes at the most; null for other files.
    """

    kind: Literal["study", "space", "schedule"]
    name: str
    trainings: int | None


class Health(_Model):
    """Whether the server works; ``detail`` says what does not."""

    status: Literal["ok", "failing"]
    detail: str = ""
