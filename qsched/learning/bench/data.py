"""SchedBench in files: tasks, arms, runs and, apart from them, test results.

Four Parquet files in one folder. A run is named by task, arm, learning rate, phase, seed and
length; everything else about its schedule stands once, with its arm. Test results lie in a file of
their own, so that whoever chooses schedules does not read them by accident.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from qsched.errors import DataError, InputError
from qsched.files import bundled
from qsched.schedules import Schedule
from qsched.spaces import Value
from qsched.specs import TaskSpec

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "CURVE_POINTS",
    "Arms",
    "Bench",
    "Runs",
    "Tasks",
    "Tests",
    "among",
    "columns",
    "load_bench",
    "load_tests",
    "save_bench",
    "save_tests",
]

CURVE_POINTS = 5
"""Points of a stored learning curve: after 1/5, 2/5, ... of the steps."""

Texts = NDArray[np.object_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Columns:
    """A table: one array a column, all of one length, the first axis that of rows."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def where(self, rows: NDArray[Any]) -> Self:
        """Return the rows of a mask or of an index array."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, eq=False)
class Tasks(Columns):
    """What was trained on: features for rules, and the task itself.

    Attributes:
        name: such as ``digits-mlp9-ternary-short``.
        dataset: the unit that is left out in validation.
        network, budget: names; the budget is ``short`` or ``long``.
        control: whether schedules are expected to matter little.
        weights, activations: precision, as in :class:`qsched.specs.Precision`.
        levels: of the weights: 2, 3, 4.
        depth: number of layers with quantized weights.
        width: features or channels of a hidden layer.
        fan_in: inputs of a hidden neuron.
        inputs: values of an example.
        classes: number of classes.
        train: number of training examples.
        validation: number of validation examples.
        batch_size, epochs, steps: of training at full length.
        learning_rate: the center of learning-rate tuning.
        spec: the :class:`qsched.specs.TaskSpec` as JSON.
        sha256: digest of it.
    """

    name: Texts
    dataset: Texts
    network: Texts
    budget: Texts
    control: NDArray[np.bool_]
    weights: Texts
    activations: Texts
    levels: Ints
    depth: Ints
    width: Ints
    fan_in: Ints
    inputs: Ints
    classes: Ints
    train: Ints
    validation: Ints
    batch_size: Ints
    epochs: Ints
    steps: Ints
    learning_rate: Floats
    spec: Texts
    sha256: Texts

    def task(self, name: str) -> TaskSpec:
        """Return the task called ``name``."""
        return TaskSpec.model_validate_json(self.spec[self.name == name][0])


@dataclass(frozen=True, eq=False)
class Arms(Columns):
    """What was trained by: named schedules, the same for every task.

    Attributes:
        name: such as ``ana-sobol-017`` or ``ana-2019-overlapped``.
        algorithm: ``ana``, ``inq`` or ``none`` (full precision, and static arms).
        kind: ``design``, ``refined``, ``hand-coded``, ``rule`` (of qsched's own), ``static``,
            ``full precision``, or an experiment's name.
        index: place in its design, search or way; -1 elsewhere.
        left_out: the data set that had no influence on it, and on which it may be tested; "" where
            none was left out.
        group: what arms of a kind belong together: the task that a rule's schedule or a way was
            made for, or a search; "" elsewhere.
        schedule: the :class:`qsched.schedules.Schedule` as JSON; the learning rate of a run
            replaces its initial one.
        point: parameters in the bundled search space of the algorithm, as JSON; ``{}`` if none.
        sha256: digest of the schedule.
    """

    name: Texts
    algorithm: Texts
    kind: Texts
    index: Ints
    left_out: Texts
    group: Texts
    schedule: Texts
    point: Texts
    sha256: Texts

    def column(self, name: str) -> dict[str, Any]:
        """Return a column by the names of the arms."""
        return dict(zip(self.name, getattr(self, name), strict=True))

    def arm(self, name: str, learning_rate: float | None = None) -> Schedule:
        """Return the schedule of an arm, by default with its own learning rate."""
        schedule = Schedule.model_validate_json(self.schedule[self.name == name][0])
        return schedule if learning_rate is None else schedule.at_learning_rate(learning_rate)

    def points(self) -> list[dict[str, Value]]:
        """Return the parameters of every arm, in order; empty where an arm has none."""
        return [json.loads(text) for text in self.point]


@dataclass(frozen=True, eq=False)
class Runs(Columns):
    """One row a run.

    Attributes:
        key: first 16 digits of the run's SHA-256.
        task, arm: names.
        phase: the pool of the seed: ``search`` (design, tuning of learning rates) or ``report``
            (the same arms at their tuned learning rates, on seeds that chose nothing).
        seed: equal seeds have equal initial weights, batches and noise, whatever the arm.
        learning_rate: initial learning rate.
        length: training length, as a share of the task's epochs.
        accuracy: of the hard-quantized network on the validation set, in [0, 1]; 0 where the run
            diverged.
        loss: its cross-entropy there; NaN where the run diverged, and in the phase ``report``,
            where the test set is scored instead.
        diverged: whether it did.
        steps: optimizer steps taken.
        seconds: its share of the wall time.
        curve_accuracy: hard validation accuracy, [rows, 5]; NaN after divergence.
        curve_loss: mean training loss since the last point, [rows, 5].
    """

    key: Texts
    task: Texts
    arm: Texts
    phase: Texts
    seed: Ints
    learning_rate: Floats
    length: Floats
    accuracy: Floats
    loss: Floats
    diverged: NDArray[np.bool_]
    steps: Ints
    seconds: Floats
    curve_accuracy: Floats
    curve_loss: Floats


@dataclass(frozen=True, eq=False)
class Tests(Columns):
    """Results on the test set, of runs of the phase ``report``.

    Attributes:
        key: of the run, as in :class:`Runs`.
        accuracy: of the hard-quantized network on the test set, in [0, 1]; 0 where diverged.
        loss: its cross-entropy there.
    """

    __test__ = False  # pytest would take it for a class of tests.

    key: Texts
    accuracy: Floats
    loss: Floats


@dataclass(frozen=True, eq=False)
class Bench:
    """All but the test results.

    Attributes:
        tasks, arms, runs: the tables.
        about: of how it was made: command, counts, versions, hashes.
    """

    tasks: Tasks
    arms: Arms
    runs: Runs
    about: dict[str, Any]

    def on(self, names: NDArray[Any] | Sequence[str]) -> Bench:
        """Return the same of some tasks; all arms stay."""
        tasks = self.tasks.where(among(self.tasks.name, names))
        runs = self.runs.where(among(self.runs.task, names))
        return Bench(tasks, self.arms, runs, self.about)


def among(column: Texts, names: Iterable[Any]) -> NDArray[np.bool_]:
    """Return which rows of a column of texts are among some names.

    ``np.isin`` compares texts pair by pair, which takes minutes for the keys of two benches.

    >>> among(np.array(["a", "b", "a"], dtype=object), ["a"]).tolist()
    [True, False, True]
    """
    wanted = set(names)
    return np.fromiter((name in wanted for name in column), dtype=np.bool_, count=len(column))


def columns(rows: Iterable[Sequence[Any]]) -> list[NDArray[Any]]:
    """Return rows as columns; text as objects."""
    return [
        np.array(column, dtype=object if isinstance(column[0], str) else None)
        for column in zip(*rows, strict=True)
    ]


def load_bench(folder: Path | None = None) -> Bench:
    """Read tasks, arms and runs.

    Args:
        folder: where the files lie; None is the data shipped with qsched.

    Raises:
        InputError: pyarrow is not installed.
        DataError: a file is missing or not of this form.
    """
    folder = folder or bundled("studies/data")
    tasks, about = _read(folder, Tasks)
    return Bench(tasks, _read(folder, Arms)[0], _read(folder, Runs)[0], about)


def load_tests(folder: Path | None = None) -> Tests:
    """Read the test results; see :func:`load_bench`. Open them after the claims are fixed."""
    return _read(folder or bundled("studies/data"), Tests)[0]


def save_bench(bench: Bench, folder: Path) -> None:
    """Write tasks, arms and runs into ``folder``, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(bench.tasks, folder, bench.about)
    _write(bench.arms, folder, {})
    _write(bench.runs, folder, {})


def save_tests(tests: Tests, folder: Path) -> None:
    """Write the test results."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(tests, folder, {})


_ABOUT = b"qsched"
Table = TypeVar("Table", bound=Columns)


def _path(folder: Path, table: type[Columns]) -> Path:
    return folder / f"{table.__name__.lower()}.parquet"


def _arrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise InputError(
            "SchedBench is read with pyarrow, which is not installed; install qsched[parquet]"
        ) from None
    return pyarrow


def _read(folder: Path, table: type[Table]) -> tuple[Table, dict[str, Any]]:
    pyarrow = _arrow()
    path = _path(folder, table)
    try:
        found = pyarrow.parquet.read_table(path)
    except OSError as error:
        raise DataError(
            f"{path} must be a Parquet file of SchedBench, but it cannot be read "
            f"({error.strerror or error}); `qsched bench-data` makes it"
        ) from error
    names = [field.name for field in fields(table)]
    missing = [name for name in names if name not in found.column_names]
    if missing:
        raise DataError(
            f"{path} must have the columns {', '.join(names)}, but {', '.join(missing)} "
            "are missing; make it anew with `qsched bench-data`"
        )
    about = json.loads((found.schema.metadata or {}).get(_ABOUT, b"{}"))
    return table(**{name: _array(found.column(name)) for name in names}), about


def _array(column: pyarrow.ChunkedArray) -> NDArray[Any]:
    """Return a column as an array: text as objects, numbers as int64 or float64, lists as 2-D."""
    whole = column.combine_chunks()
    kind = str(whole.type)
    if kind.startswith("fixed_size_list"):
        flat: NDArray[Any] = whole.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
        return flat.reshape(len(whole), -1)
    values: NDArray[Any] = whole.to_numpy(zero_copy_only=False)
    if kind.startswith(("dictionary", "string")):
        return values.astype(object)
    if kind == "bool":
        return values.astype(np.bool_)
    return values.astype(np.float64 if kind.startswith(("float", "double")) else np.int64)


def _write(table: Columns, folder: Path, about: dict[str, Any]) -> None:
    pyarrow = _arrow()
    columns = {f.name: _column(pyarrow, getattr(table, f.name)) for f in fields(table)}
    made = pyarrow.table(columns)
    if about:
        made = made.replace_schema_metadata({_ABOUT: json.dumps(about)})
    path = _path(folder, type(table))
    unfinished = path.with_suffix(".part")
    pyarrow.parquet.write_table(made, unfinished, compression="zstd", compression_level=19)
    unfinished.replace(path)


def _column(pyarrow: Any, values: NDArray[Any]) -> Any:
    """Return an array as a column; curves in single precision."""
    if values.ndim == 2:
        flat = pyarrow.array(values.astype(np.float32).ravel(), pyarrow.float32())
        return pyarrow.FixedSizeListArray.from_arrays(flat, values.shape[1])
    if values.dtype == object:
        return pyarrow.array(values.tolist(), pyarrow.string())
    if values.dtype.kind in "fb":
        return pyarrow.array(values)
    return pyarrow.array(values.astype(np.int32), pyarrow.int32())
