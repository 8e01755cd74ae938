"""Schedule files: a schedule that others can follow, with where it comes from."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from qsched.errors import SpecError
from qsched.files import Document, broken_rules, resolve, to_yaml
from qsched.schedules.base import Frozen
from qsched.schedules.knots import ResolvedKnots
from qsched.schedules.places import Place
from qsched.schedules.schedule import Schedule

__all__ = ["ExpectedAccuracy", "Provenance", "ScheduleFile", "dump", "load_schedule"]

Fraction = Annotated[float, Field(ge=0, le=1)]


class Provenance(Frozen):
    """Where a schedule was found.

    Attributes:
        study: name of the study.
        trial: number of the trial in it.
        task: name or description of the task.
        seeds: training seeds on which it was selected and reported.
        versions: of what it was found with.
        schedule_sha256: digest of the schedule, :attr:`Schedule.sha256`; a file whose schedule
            was edited afterwards is not read.
        study_sha256: digest of the study's specification.
        created: when, as an ISO 8601 date and time.
    """

    study: str
    trial: int | None = None
    task: str | None = None
    seeds: tuple[int, ...] = ()
    versions: dict[str, str] = {}
    schedule_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    study_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    created: str | None = None


class ExpectedAccuracy(Frozen):
    """Accuracy of the hard-quantized network that a retraining should reach.

    Attributes:
        mean: mean over seeds, in [0, 1].
        interval: confidence interval of the mean, in [0, 1].
        level: level of the interval.
        seeds: number of seeds.
        split: the data on which it was measured.

    Raises:
        ValidationError: the interval does not hold the mean.
    """

    mean: Fraction
    interval: tuple[Fraction, Fraction]
    level: Annotated[float, Field(gt=0.5, lt=1)]
    seeds: Annotated[int, Field(ge=1)]
    split: Literal["validation", "test"]

    @model_validator(mode="after")
    def _holds_mean(self) -> Self:
        low, high = self.interval
        if not low <= self.mean <= high:
            raise ValueError(
                f"the interval must hold the mean, but got [{low}, {high}] and mean={self.mean}"
            )
        return self


class ScheduleFile(Frozen):
    """A schedule with its name, its source, and what it is known to reach.

    Attributes:
        format: version of the file format.
        name: the schedule's name.
        about: what it does, in a line or two.
        source: publication, study or person it comes from.
        schedule: the schedule itself, in fractions of training.
        task: what it was found on, as the ``task`` of a study file.
        provenance: how it was found.
        expected: what it reaches there.
        resolved: the schedule written out for a certain network.

    Raises:
        ValidationError: a part is wrong, or the schedule was edited after it was found; files are
            read by :func:`load_schedule`, which says all that is wrong with its line.

    >>> file = load_schedule("ana-2019-partition")
    >>> file.name, file.schedule.weights.family
    ('ana-2019-partition', 'uniform')
    """

    format: Literal["qsched/schedule/1"] = "qsched/schedule/1"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
    about: str = ""
    source: str = ""
    schedule: Schedule
    task: dict[str, Any] | None = None
    provenance: Provenance | None = None
    expected: ExpectedAccuracy | None = None
    resolved: ResolvedKnots | None = None

    @model_validator(mode="after")
    def _unedited(self) -> Self:
        stated = self.provenance.schedule_sha256 if self.provenance else None
        if stated not in (None, self.schedule.sha256):
            message = (
                f"the schedule has the digest {self.schedule.sha256}, so it was edited since it "
                "was found; remove `provenance`, `expected` and `resolved`"
            )
            raise broken_rules([(("provenance", "schedule_sha256"), message)])
        return self


def load_schedule(name: str | pathlib.Path, places: Sequence[Place] = ()) -> ScheduleFile:
    """Read a hand-coded schedule by its name, or another schedule file by its path.

    Args:
        name: a bare name, or a path.
        places: the quantizers of the network it is meant for, if its overrides should be checked.

    Raises:
        SpecError: the file breaks rules, or an override holds for none of ``places``; with every
            fault and its line.
        UnknownNameError: no bundled schedule has this name.
        InputError: the file cannot be read.

    >>> load_schedule("inq-halves").schedule.decay.levels
    (0.5, 0.75, 0.875, 1.0)
    """
    document = Document.read(resolve("search_spaces/handcoded", name))
    file = document.to(ScheduleFile)
    faults = file.schedule.unmatched(places) if places else ()
    if faults:
        raise SpecError(
            document.source,
            [document.problem(text, ("schedule", *path)) for path, text in faults],
        )
    return file


def dump(file: ScheduleFile) -> str:
    """Return the YAML text of a schedule file, which :func:`load_schedule` reads back.

    >>> print(dump(load_schedule("inq-halves")).splitlines()[1])
    name: inq-halves
    """
    return to_yaml(file.model_dump(mode="json", exclude_none=True))
