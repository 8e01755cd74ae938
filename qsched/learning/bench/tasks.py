"""The tasks of SchedBench, read from a file: data x network x precision x training length."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field, model_validator

from qsched.errors import UnknownNameError, nearest
from qsched.files import broken_rules, bundled, load
from qsched.learning.bench.data import Tasks
from qsched.schedules.base import Frozen
from qsched.specs import (
    DataSpec,
    Levels,
    NetworkSpec,
    OptimizerSpec,
    Precision,
    TaskSpec,
    digest,
)

__all__ = ["BenchSpec", "BenchTask", "chosen", "features", "load_bench_spec"]

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class BenchData(Frozen):
    """A data set as in :class:`qsched.specs.DataSpec`, and how long one trains on it.

    Attributes:
        name, train, validation, pool: of the data.
        batch_size: of training.
        short, long: epochs of the two training lengths.
        inputs: values of an example, after pooling.
        classes: number of classes.
    """

    name: str
    train: Count
    validation: Count
    pool: Count
    batch_size: Count
    short: Count
    long: Count
    inputs: Count
    classes: Count


class BenchNetwork(Frozen):
    """A network, and what rules may know of it.

    Attributes:
        name, width: as in :class:`qsched.specs.NetworkSpec`.
        depth: number of layers with quantized weights.
        fan_in: inputs of a hidden neuron.
        control: whether schedules are expected to matter little: a negative control.
    """

    name: str
    width: Count
    depth: Count
    fan_in: Count
    control: bool


class BenchPrecision(Frozen):
    """Levels of weights and activations, and the number of the former."""

    weights: Levels
    activations: Levels
    levels: Annotated[int, Field(ge=2)]


class BenchSpec(Frozen):
    """What SchedBench trains: tasks, and arms that are the same for every task.

    Attributes:
        format: version of the file format.
        learning_rate: the center of tuning, of every task.
        learning_rates: multiples of it tried for every arm that is not of the design.
        design_learning_rates: ends of the design's own range, on a logarithmic scale.
        spaces: search space of the design, by algorithm.
        baselines: hand-coded schedules.
        rules: schedules of qsched's own, which never count as hand-coded.
        static: backward standard deviations of the static arms.
        data, networks, precisions: by the names that ``tasks`` uses.
        tasks: data, network, precision and length of each; the most telling first.
    """

    format: Literal["qsched/bench/1"]
    learning_rate: Positive
    learning_rates: tuple[Positive, ...]
    design_learning_rates: tuple[Positive, Positive]
    spaces: dict[str, str]
    baselines: tuple[str, ...]
    rules: tuple[str, ...] = ()
    static: tuple[Positive, ...]
    data: dict[str, BenchData]
    networks: dict[str, BenchNetwork]
    precisions: dict[str, BenchPrecision]
    tasks: Annotated[
        tuple[tuple[str, str, str, Literal["short", "long"]], ...], Field(min_length=1)
    ]

    @property
    def rates(self) -> tuple[float, ...]:
        """The learning rates over which arms that are not of the design are tuned."""
        return tuple(self.learning_rate * factor for factor in self.learning_rates)

    @model_validator(mode="after")
    def _named(self) -> Self:
        tables = (tuple(self.data), tuple(self.networks), tuple(self.precisions))
        problems = [
            (("tasks", i, k), f"unknown name `{row[k]}`; {nearest(row[k], table)}")
            for i, row in enumerate(self.tasks)
            for k, table in enumerate(tables)
            if row[k] not in table
        ]
        if problems:
            raise broken_rules(problems)
        return self


class BenchTask(NamedTuple):
    """One task: its name, the names it is made of, and what is trained."""

    name: str
    data: BenchData
    network: BenchNetwork
    precision: BenchPrecision
    budget: str
    spec: TaskSpec


def load_bench_spec(path: pathlib.Path | None = None) -> BenchSpec:
    """Read what SchedBench trains; by default, the bundled ``studies/bench/tasks.yaml``.

    Raises:
        SpecError: the file breaks rules; with every fault and its line.
        InputError: it cannot be read.
    """
    return load(BenchSpec, path or bundled("studies/bench") / "tasks.yaml")


def chosen(bench: BenchSpec, patterns: Sequence[str] = ()) -> list[BenchTask]:
    """Return the tasks whose names match any of some patterns, or all, in their order.

    Args:
        bench: the file.
        patterns: such as ``digits-*`` or ``*-mlp9-*-short``.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    every = [_task(bench, *row) for row in bench.tasks]
    for pattern in patterns:
        if not any(fnmatchcase(task.name, pattern) for task in every):
            raise UnknownNameError("task of SchedBench", pattern, [task.name for task in every])
    return [
        task
        for task in every
        if not patterns or any(fnmatchcase(task.name, pattern) for pattern in patterns)
    ]


def features(tasks: Sequence[BenchTask]) -> Tasks:
    """Return the table of tasks."""
    rows = [_row(task) for task in tasks]
    columns = zip(*rows, strict=True)
    return Tasks(
        *(
            np.array(column, dtype=object if isinstance(column[0], str) else None)
            for column in columns
        )
    )


def _task(bench: BenchSpec, data: str, network: str, precision: str, budget: str) -> BenchTask:
    source, net, levels = bench.data[data], bench.networks[network], bench.precisions[precision]
    spec = TaskSpec(
        data=DataSpec(
            name=source.name, train=source.train, validation=source.validation, pool=source.pool
        ),
        network=NetworkSpec(name=net.name, width=net.width),
        precision=Precision(weights=levels.weights, activations=levels.activations),
        optimizer=OptimizerSpec(learning_rate=bench.learning_rate),
        epochs=source.short if budget == "short" else source.long,
        batch_size=source.batch_size,
    )
    return BenchTask(f"{data}-{network}-{precision}-{budget}", source, net, levels, budget, spec)


def _row(task: BenchTask) -> tuple[object, ...]:
    """Return a task's row, in the order of the columns of :class:`Tasks`."""
    data, network, precision, spec = task.data, task.network, task.precision, task.spec
    steps = spec.epochs * (data.train // data.batch_size)
    return (
        *(task.name, data.name, task.name.split("-")[1], task.budget, network.control),
        *(precision.weights, precision.activations, precision.levels),
        *(network.depth, network.width, network.fan_in, data.inputs, data.classes),
        *(data.train, data.validation, data.batch_size, spec.epochs, steps),
        *(spec.optimizer.learning_rate, spec.model_dump_json(), digest(spec)),
    )
