"""Population based training as a sampler: a population is a batch, its lineages are candidates.

A lineage is raced, selected and reported as any candidate is, on runs from scratch; the trainings
of the population itself are no runs of the study. They cost as much, so that the study's notes say
how many there were, and the report and ``qsched status`` do.

A batch's lineages are stored before any of them is replayed; whatever is started again reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from qsched.errors import InputError
from qsched.execution import Executor
from qsched.execution.population import Evolved, Evolving, Member, Population, Tell
from qsched.schedules import Schedule
from qsched.spaces import SearchSpace
from qsched.specs import StudySpec
from qsched.storage import Storage
from qsched.study.patience import patient
from qsched.study.sampling import Asked
from qsched.study.seeds import pool

__all__ = ["Cost", "Populations", "check_executor", "cost", "is_note", "population"]

_NOTE = "pbt-"
_RISES = 0.25, 2.5
"""Range of rises, as multiples of what a straight line rises in a segment."""
_DRAWS = 256
_DEADLINE = 600.0
_SLOWER = 20.0
"""A population is given up when it takes so many times what its trainings should."""


def check_executor(spec: StudySpec, executor: Executor) -> None:
    """Refuse a study whose sampler its executor cannot serve.

    Raises:
        InputError: populations need Ray.
    """
    if spec.sampler.name == "pbt" and not isinstance(executor, Evolving):
        raise InputError(
            "sampler `pbt` trains its populations with Ray Tune, but this study trains in "
            "processes of this machine; run it with --ray, or with --address of a cluster"
        )


class Populations:
    """Asks populations for candidates.

    Args:
        spec: the study.
        space: its space.
        storage: where lineages are noted.
        executor: where populations train.
        tell: is told how far they are.
    """

    def __init__(
        self,
        spec: StudySpec,
        space: SearchSpace,
        storage: Storage,
        executor: Executor,
        tell: Tell,
    ) -> None:
        self._spec, self._space, self._storage = spec, space, storage
        self._executor, self._tell = executor, tell

    def ask(self, count: int, *, batch: int) -> list[Asked]:
        """Return the candidates of a batch: as noted, or else of a population trained now.

        Args:
            count: how many.
            batch: number of the batch.

        Raises:
            InputError: populations need Ray.
            TrainingError: a member could not be trained.
        """
        key = f"{_NOTE}{batch}"
        noted = self._storage.study(self._spec.name).notes.get(key)
        if noted is None:
            noted = _note(self._evolved(count, batch), self._spec)
            patient(partial(self._storage.set_note, self._spec.name, key, noted), self._tell)
        texts = map(json.dumps, noted["schedules"])
        return [Asked({}, {}, {}, Schedule.model_validate_json(text)) for text in texts]

    def _evolved(self, count: int, batch: int) -> Evolved:
        check_executor(self._spec, self._executor)
        assert isinstance(self._executor, Evolving)
        walls = (
            row.result.seconds * int(row.result.versions.get("lanes", 1))
            for row in self._storage.runs(self._spec.name)
        )
        seconds = max(walls, default=0.0) * count * self._spec.sampler.segments
        asked = population(
            self._spec, self._space, count, batch=batch, deadline=_DEADLINE + _SLOWER * seconds
        )
        return self._executor.evolve(asked, self._tell)


def population(
    spec: StudySpec, space: SearchSpace, count: int, *, batch: int, deadline: float
) -> Population:
    """Return the population of a batch: points drawn in the space, whose curves are not used.

    Members train on the first seed of the search, on which their replay trains, too.

    Args:
        spec: the study.
        space: its space.
        count: how many members.
        batch: number of the batch.
        deadline: seconds after which it is given up.
    """
    stream = spec.seed, batch, len(_NOTE)
    rng = np.random.default_rng(np.random.SeedSequence(stream))
    segments = spec.sampler.segments
    low, high = (share / segments for share in _RISES)
    bases = [space.decode(space.random(rng)) for _ in range(max(_DRAWS, count))]
    rates = [base.learning_rate.initial for base in bases]
    members = tuple(
        Member(base, float(rng.uniform(low, high)), base.learning_rate.initial)
        for base in bases[:count]
    )
    [seed] = pool("search", spec.seed, 1)
    return Population(
        task=spec.task,
        seed=seed,
        segments=segments,
        members=members,
        rises=(low, high),
        rates=(min(rates), max(rates)),
        stream=stream,
        deadline=deadline,
    )


@dataclass(frozen=True)
class Cost:
    """What populations cost besides the runs of a study.

    Attributes:
        populations: how many there were.
        trainings: how many trainings of full length they took.
        seconds: what these took, in all.
    """

    populations: int
    trainings: int
    seconds: float

    def __str__(self) -> str:
        brief = self.seconds < 60
        took = f"{self.seconds:.1f} s" if brief else f"{self.seconds / 60:.1f} min"
        return (
            f"{self.populations} populations, {self.trainings} trainings, {took}, besides the "
            "runs of the study"
        )


def cost(notes: Mapping[str, Any]) -> Cost | None:
    """Return what the populations of a study have cost, from its notes; None without any."""
    found = [value for key, value in notes.items() if is_note(key)]
    if not found:
        return None
    return Cost(
        len(found),
        sum(each["trainings"] for each in found),
        sum(each["seconds"] for each in found),
    )


def is_note(key: str) -> bool:
    """Return whether a note of a study is about a population."""
    return key.startswith(_NOTE)


def _note(evolved: Evolved, spec: StudySpec) -> dict[str, Any]:
    schedules = [each.schedule(spec.sampler.segments) for each in evolved.lineages]
    return {
        "trainings": evolved.trainings,
        "seconds": round(evolved.seconds, 3),
        "accuracies": [each.accuracy for each in evolved.lineages],
        "schedules": [each.model_dump(mode="json") for each in schedules],
    }
