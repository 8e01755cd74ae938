"""What SchedBench trains on each task: arms, their learning rates, seeds and lengths."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from qsched.errors import DataError
from qsched.files import load
from qsched.learning.bench.data import Arms, columns
from qsched.learning.bench.design import sobol
from qsched.learning.bench.tasks import BenchSpec
from qsched.schedules import Ana, Schedule
from qsched.schedules.base import Frozen
from qsched.schedules.file import load_schedule
from qsched.spaces import Value, load_space
from qsched.specs import Budget, StudySpec, TaskSpec, digest
from qsched.study.arms import Arm, full_precision, static

__all__ = [
    "BenchArm",
    "ExtraArm",
    "Plan",
    "arms_table",
    "bench_plans",
    "bench_study",
    "extra_plans",
]

_NOTED = 5

FINALISTS = {"tied": 2, "annealed": 4, "incremental": 3, "static": 2, "family": 3}
"""How many of a group of arms, the best of a task's search, are trained on the report's seeds."""


@dataclass(frozen=True)
class BenchArm:
    """A named schedule; see the columns of :class:`qsched.learning.bench.data.Arms`."""

    name: str
    algorithm: str
    kind: str
    schedule: Schedule
    index: int = -1
    point: dict[str, Value] = field(default_factory=dict)
    left_out: str = ""
    group: str = ""

    @classmethod
    def known(cls, arms: Arms, name: str, schedule: Schedule) -> Self:
        """Return an arm of a table, with a schedule."""
        [row] = (arms.name == name).nonzero()[0]
        return cls(
            name,
            str(arms.algorithm[row]),
            str(arms.kind[row]),
            schedule,
            index=int(arms.index[row]),
            left_out=str(arms.left_out[row]),
            group=str(arms.group[row]),
        )

    def note(self) -> list[str | int]:
        """Return what the rows of runs do not say of it, as :meth:`of_note` takes it."""
        return [self.algorithm, self.kind, self.index, self.left_out, self.group]

    @classmethod
    def of_note(cls, name: str, note: Sequence[Any], schedule: Schedule) -> Self:
        """Return an arm from a note.

        Raises:
            DataError: an older version made it.
        """
        if len(note) != _NOTED:
            raise DataError(
                f"a database of SchedBench must note {_NOTED} things of every arm, but notes "
                f"{len(note)} of `{name}`: an older version made it; import its exported files "
                "into a new database"
            )
        algorithm, kind, index, left_out, group = note
        return cls(name, algorithm, kind, schedule, index, {}, left_out, group)


def arms_table(arms: Iterable[BenchArm]) -> Arms:
    """Return arms as a table; at least one."""
    rows = [
        (arm.name, *arm.note(), arm.schedule.model_dump_json(), json.dumps(arm.point))
        + (digest(arm.schedule),)
        for arm in arms
    ]
    return Arms(*columns(rows))


@dataclass(frozen=True)
class Plan:
    """How often an arm is trained on a task.

    Attributes:
        arm: the arm.
        rates: its learning rates; where there are several, the best of the search is reported.
        search_seeds: seeds of the search pool, for each learning rate and length.
        report_seeds: seeds of the report pool, for the best learning rate of each length.
        lengths: training lengths, as shares of the task's epochs.
        group: only the best few of a group are reported (:data:`FINALISTS`); "" is none.
        tasks: patterns of task names; none is all.
    """

    arm: BenchArm
    rates: tuple[float, ...]
    search_seeds: int
    report_seeds: int
    lengths: tuple[float, ...] = (1.0,)
    group: str = ""
    tasks: tuple[str, ...] = ()


class ExtraArm(Frozen):
    """A schedule to be trained besides: of an experiment, or a learned one to be confirmed.

    Attributes:
        name: of the arm.
        algorithm: ``ana``, ``inq`` or ``none``.
        kind: of which experiment it is.
        schedule: the schedule.
        learning_rates: to be tuned over; none is the schedule's own alone.
        search_seeds: seeds for tuning; 0 for a single learning rate that needs none.
        report_seeds: seeds of the report.
        lengths: training lengths.
        tasks: patterns of task names; none is all.
    """

    name: str
    algorithm: Literal["ana", "inq", "none"]
    kind: str
    schedule: Schedule
    learning_rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    search_seeds: Annotated[int, Field(ge=0)] = 2
    report_seeds: Annotated[int, Field(ge=0)] = 16
    lengths: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (1.0,)
    tasks: tuple[str, ...] = ()


class ExtraArms(Frozen):
    """A file of arms to be trained besides."""

    format: Literal["qsched/arms/1"]
    arms: tuple[ExtraArm, ...]


def extra_plans(path: pathlib.Path) -> list[Plan]:
    """Return the plans of a file of extra arms (YAML, or JSON).

    Raises:
        SpecError: the file breaks rules; with every fault and its line.
        InputError: it cannot be read.
    """
    return [
        Plan(
            BenchArm(arm.name, arm.algorithm, arm.kind, arm.schedule),
            arm.learning_rates or (arm.schedule.learning_rate.initial,),
            arm.search_seeds,
            arm.report_seeds,
            arm.lengths,
            tasks=arm.tasks,
        )
        for arm in load(ExtraArms, path).arms
    ]


def bench_plans(bench: BenchSpec, design: int, seeds: int, report_seeds: int) -> list[Plan]:
    """Return what is trained on every task: the design, hand-coded and static arms.

    Args:
        bench: the file.
        design: points of the design of each algorithm.
        seeds: of the search pool.
        report_seeds: of the report pool, for the finalists.
    """
    return [
        *_others(bench, seeds, report_seeds),
        *(plan for name in bench.spaces for plan in _design(bench, name, design, seeds)),
    ]


def bench_study(bench: BenchSpec, name: str, task: TaskSpec) -> StudySpec:
    """Return the study as which a task's runs are stored."""
    return StudySpec(
        name=name,
        about="SchedBench",
        task=task,
        space=next(iter(bench.spaces.values())),
        baselines=bench.baselines,
        budget=Budget(trials=1),
    )


def _design(bench: BenchSpec, algorithm: str, count: int, seeds: int) -> list[Plan]:
    space = load_space(bench.spaces[algorithm])
    plans = []
    for index, point in enumerate(sobol(space, count, bench.design_learning_rates)):
        schedule = space.decode(point)
        name = f"{algorithm}-sobol-{index:04d}"
        arm = BenchArm(name, algorithm, "design", schedule, index, point)
        plans.append(Plan(arm, (schedule.learning_rate.initial,), seeds, 0))
    return plans


def _others(bench: BenchSpec, seeds: int, report_seeds: int) -> list[Plan]:
    """Return the plans of all arms that are not of the design."""
    arms = [
        *(_coded(name, "hand-coded") for name in bench.baselines),
        *(_coded(name, "rule") for name in bench.rules),
        *_static(bench),
    ]
    return [Plan(arm, bench.rates, seeds, report_seeds, group=_group(arm)) for arm in arms]


def _coded(name: str, kind: str) -> BenchArm:
    schedule = load_schedule(name).schedule
    algorithm = "ana" if isinstance(schedule.weights, Ana) else "inq"
    return BenchArm(name, algorithm, kind, schedule)


def _static(bench: BenchSpec) -> list[BenchArm]:
    """Return the static arms and the network in full precision."""
    task = TaskSpec.model_validate(
        {
            "data": {"name": "digits", "validation": 1},
            "network": {"name": "mlp3"},
            "optimizer": {"learning_rate": bench.learning_rate},
            "epochs": 1,
            "batch_size": 1,
        }
    )
    spec = bench_study(bench, "static", task)
    spec = spec.model_copy(
        update={"static": spec.static.model_copy(update={"backward_std": bench.static})}
    )
    return [_plain(arm, "static") for arm in static(spec)] + [
        _plain(full_precision(spec), "full precision")
    ]


def _plain(arm: Arm, kind: str) -> BenchArm:
    return BenchArm(arm.name, "none", kind, arm.schedule)


def _group(arm: BenchArm) -> str:
    if arm.kind == "static":
        return "static"
    if arm.kind != "hand-coded":
        return ""
    if arm.algorithm == "inq":
        return "incremental"
    return "tied" if "cvpr" in arm.name else "annealed"
