"""Studies: a task, a search space, hand-coded baselines, a budget."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from qsched.files import Path, broken_rules
from qsched.schedules.base import Frozen
from qsched.specs.task import TaskSpec

__all__ = [
    "MOST_SEEDS",
    "SEED_LIMIT",
    "Budget",
    "Confirmation",
    "Rung",
    "SamplerSpec",
    "StaticArm",
    "StudySpec",
    "arm_name",
]

T = TypeVar("T")

_SEGMENTS = 8
_POINTS = 10
"""A learning curve has at most so many points."""

MOST_SEEDS = 10_000
"""Most seeds on which anything is trained: a tenth of a pool."""

SEED_LIMIT = 10**9
"""Largest seed of a study: its training seeds, 300,000 a study, are to be exact in JSON, too."""

MOST_AHEAD = 16
"""Most batches in training while one is asked."""

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


def _is_zero(value: int) -> bool:
    return value == 0


def arm_name(baseline: str) -> str:
    """Return what a study calls a baseline: the name of its file.

    >>> arm_name("ede"), arm_name("schedules/mine.yaml")
    ('ede', 'mine')
    """
    return baseline.removesuffix(".yaml").rpartition("/")[2]


def _once(values: tuple[T, ...]) -> tuple[T, ...]:
    """Refuse values that stand twice."""
    _raise(
        ((i,), f"`{value}` stands twice; remove one")
        for i, value in enumerate(values)
        if value in values[:i]
    )
    return values


def _arms(baselines: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse baselines whose results would be taken for those of another arm."""
    _once(baselines)
    names = [arm_name(baseline) for baseline in baselines]
    _raise(
        (
            (i,),
            f"`{baselines[names.index(name)]}` is called `{name}`, too; rename one of the files",
        )
        for i, name in enumerate(names)
        if name in names[:i]
    )
    _raise(
        ((i,), f"a study gives the name `{name}` itself; rename the file")
        for i, name in enumerate(names)
        if re.fullmatch(_OWN_ARMS, name)
    )
    return baselines


def _raise(faults: Iterable[tuple[Path, str]]) -> None:
    if found := list(faults):
        raise broken_rules(found)


Once = AfterValidator(_once)
_OWN_ARMS = r"full-precision|static-.*|trial-\d+"


class Rung(Frozen):
    """One step of the ladder: training length and number of seeds in all up to this rung."""

    length: Annotated[float, Field(gt=0, le=1)] = 1.0
    seeds: Annotated[int, Field(ge=2, le=MOST_SEEDS)]


def _is_default(segments: int) -> bool:
    return segments == _SEGMENTS


class SamplerSpec(Frozen):
    """Which of Optuna's samplers asks for candidates.

    Attributes:
        name: the sampler; ``pbt`` is population based training with Ray Tune instead, for
            comparison: its batches are populations.
        batch: how many candidates are asked for, and trained, together.
        startup: how many of the first candidates are drawn at random; a model that takes over too
            early settles on the first good region it has seen.
        ahead: how many batches are in training while one is asked. It is asked from the results of
            the batches before these, so that no worker waits for the end of a batch.
        segments: in how many segments a member of a population trains; each must hold a point of
            the learning curve, of which there is one an epoch, but 10 at the most.
    """

    name: Literal["tpe", "random", "qmc", "gp", "cmaes", "pbt"] = "tpe"
    batch: Count = 16
    startup: Annotated[int, Field(ge=0)] = 64
    # Left out where it is the default: studies of before have the same hash.
    ahead: Annotated[int, Field(ge=0, le=MOST_AHEAD, exclude_if=_is_zero)] = 0
    segments: Annotated[int, Field(ge=2, le=_POINTS, exclude_if=_is_default)] = _SEGMENTS

    @field_validator("ahead")
    @classmethod
    def _alone(cls, ahead: int, info: ValidationInfo) -> int:
        if ahead and info.data.get("name") == "pbt":
            raise ValueError(
                f"populations of the sampler `pbt` train alone, but ahead is {ahead}; use "
                "`ahead: 0`"
            )
        return ahead


class StaticArm(Frozen):
    """The tuned static arm: clipped STE whose backward width is tuned with its learning rate."""

    backward_std: Annotated[tuple[Positive, ...], Field(min_length=1), Once] = (
        0.29,
        0.41,
        0.58,
        0.82,
        1.15,
    )


class Budget(Frozen):
    """How many candidates are tried, and how each climbs the ladder.

    Attributes:
        trials: finished candidates, besides the baselines.
        rungs: the ladder, seeds increasing at one length; shorter lengths come first and serve
            only where the study measures a rank correlation >= ``rank_correlation`` on baselines.
        rank_correlation: what a shorter length must reach.
        learning_rates: multiples of the task's learning rate tried for every baseline.
    """

    trials: Count
    rungs: tuple[Rung, ...] = (Rung(seeds=2), Rung(seeds=4), Rung(seeds=8))
    rank_correlation: Annotated[float, Field(ge=-1, le=1)] = 0.7
    learning_rates: Annotated[tuple[Positive, ...], Field(min_length=1), Once] = (0.3, 1.0, 3.0)

    @field_validator("rungs")
    @classmethod
    def _ladder(cls, rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
        lengths = [rung.length for rung in rungs]
        seeds = [rung.seeds for rung in rungs if rung.length == 1]
        if not rungs or lengths != sorted(lengths) or lengths[-1] != 1:
            raise ValueError(f"rungs must grow in length and end at 1, but got lengths {lengths}")
        if len(set(seeds)) != len(seeds) or seeds != sorted(seeds):
            raise ValueError(f"rungs of full length must grow in seeds, but got {seeds}")
        return rungs


class Confirmation(Frozen):
    """How the claim is chosen and then tested, on fresh seeds.

    Attributes:
        candidates: how many of the best candidates enter selection.
        baselines: how many of the best hand-coded schedules enter selection.
        selection_seeds: fresh seeds on which one of each is selected, by validation accuracy.
        report_seeds: fresh seeds on which the selected ones are compared, on the test set, once.
        level: confidence level of the intervals.
    """

    candidates: Count = 6
    baselines: Count = 4
    selection_seeds: Annotated[int, Field(ge=2, le=MOST_SEEDS)] = 12
    report_seeds: Annotated[int, Field(ge=3, le=MOST_SEEDS)] = 24
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class StudySpec(Frozen):
    """A study: a task, a search space, hand-coded baselines, a budget.

    Attributes:
        format: version of the file format.
        name: the study's name: lower-case letters, digits, hyphens.
        about: what it is for, in a line.
        task: what schedules are scored on.
        space: name of a search space, or path of its file.
        baselines: names of hand-coded schedules, or paths of their files.
        static: the tuned static arm.
        budget: trials and rungs.
        sampler: who asks.
        warm_start: what is tried first: ``portfolio``, the learned schedules that are points of
            the space; ``transfer``, these and then candidates drawn around them while they help;
            or ``none``.
        lanes: how many runs of a cohort are trained together at the most.
        confirmation: how the claim is tested.
        seed: of everything random in the study; its pools of training seeds follow from it.
    """

    format: Literal["qsched/study/1"] = "qsched/study/1"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    about: str = ""
    task: TaskSpec
    space: str
    baselines: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_arms)]
    static: StaticArm = StaticArm()
    budget: Budget
    sampler: SamplerSpec = SamplerSpec()
    warm_start: Literal["portfolio", "transfer", "none"] = "none"
    confirmation: Confirmation = Confirmation()
    lanes: Count = 64
    seed: Annotated[int, Field(ge=0, le=SEED_LIMIT)] = 0

    @field_validator("sampler")
    @classmethod
    def _measured(cls, sampler: SamplerSpec, info: ValidationInfo) -> SamplerSpec:
        if sampler.name == "pbt" and "task" in info.data:
            epochs = info.data["task"].epochs
            fitting = [n for n in range(2, _POINTS + 1) if holds_points(epochs, n)]
            if sampler.segments not in fitting:
                raise ValueError(
                    f"each of {sampler.segments} segments must hold a point of the learning "
                    f"curve, but with {epochs} epochs one does not; take one of {fitting}"
                )
        return sampler

    @field_validator("warm_start")
    @classmethod
    def _cold(cls, value: str, info: ValidationInfo) -> str:
        sampler = info.data.get("sampler")
        if value != "none" and sampler is not None and sampler.name == "pbt":
            raise ValueError(
                f"populations of the sampler `pbt` begin at random, but warm_start is `{value}`; "
                "use `warm_start: none`"
            )
        return value


def holds_points(epochs: int, segments: int) -> bool:
    """Return whether each of equal segments of a training holds a point of its curve.

    >>> [n for n in range(2, 11) if holds_points(15, n)]
    [2, 3, 4, 5, 6, 7]
    """
    count = min(_POINTS, epochs)
    points = {-(-epochs * k // count) for k in range(1, count + 1)}
    return {-(-point * segments // epochs) for point in points} == set(range(1, segments + 1))
