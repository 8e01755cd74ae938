"""Training by native lanes: prepares what compiled code reads, one lane a thread."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np

from qsched.lanes.coefficients import coefficients
from qsched.lanes.modes import Mode, frozen_counts, weight_segments
from qsched.lanes.parameters import initial_values
from qsched.lanes.streams import Stream, generator, lane_keys, noise_keys
from qsched.levels import level_stair
from qsched.native.compiler import compile_once
from qsched.native.engine import train_lane
from qsched.native.program import Program, make_program
from qsched.native.state import (
    Course,
    Network,
    Split,
    State,
    make_network,
    make_state,
    recipe,
    state_size,
)
from qsched.schedules import FROZEN, MEAN
from qsched.specs import DataSpec, Run, RunResult
from qsched.tasks import load_data, step_counts, task_plan
from qsched.training.modes import modes, thresholds
from qsched.training.record import Record, scored_ends
from qsched.training.table import make_table
from qsched.training.trained import Parameters

__all__ = ["Cohort", "Lane", "prepare", "train", "train_one"]

GROUP, MEMORY = 64, 2**24
"""Lanes that are prepared together, at most, and bytes that they may take."""

RANDOM = ("random", "rpr")
"""Partitions that need samples."""

_PREPARED: set[np.dtype] = set()


def prepare(run: Run) -> None:
    """Load the data of a run's task, and compile what trains in float32 or load it."""
    _prepare(Cohort([run], np.dtype(np.float32)))


def train(
    runs: Sequence[Run], *, dtype: str = "float32", threads: int | None = None
) -> list[RunResult]:
    """Train runs of one task and length, which native lanes cover.

    The same results as of torch lanes up to rounding. A run's result depends on neither the other
    runs nor the number of threads, bit for bit.

    Args:
        runs: the cohort.
        dtype: of parameters and activations: ``float32`` or ``float64``.
        threads: lanes that train at a time; None is the environment variable OMP_NUM_THREADS, or
            the number of cores if that is not set.

    Returns:
        One result a run, in the order of ``runs``.
    """
    cohort = Cohort(runs, np.dtype(dtype))
    _prepare(cohort)
    began = time.perf_counter()
    count = threads or _threads()
    with ThreadPoolExecutor(count) as pool:
        records = [*chain.from_iterable(pool.map(cohort.records, cohort.groups(count)))]
    wall, busy = time.perf_counter() - began, sum(record.seconds for record in records)
    for record in records:
        record.seconds *= wall / busy
    return [record.result() for record in records]


def train_one(run: Run, *, dtype: str = "float32") -> tuple[RunResult, Parameters]:
    """Train one run, and return its parameters, too; arguments as of :func:`train`."""
    cohort = Cohort([run], np.dtype(dtype))
    _prepare(cohort)
    lane = Lane(cohort, 0)
    lane.train()
    return lane.record().result(), lane.parameters()


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def _prepare(cohort: Cohort) -> None:
    """Compile before lanes train side by side, once a process and type."""
    if cohort.dtype not in _PREPARED:
        Lane(cohort, 0).prepare()
        _PREPARED.add(cohort.dtype)


class Cohort:
    """What lanes of one task and length share.

    Args:
        runs: the cohort.
        dtype: float32 or float64.
    """

    def __init__(self, runs: Sequence[Run], dtype: np.dtype) -> None:
        self.runs, self.task, self.dtype = list(runs), runs[0].task, dtype
        self.plan, self.flat = task_plan(self.task)
        self.data = load_data(self.task.data)
        self.epoch, self.steps = step_counts(runs[0], len(self.data.train))
        self.ends = [*range(self.epoch, self.steps, self.epoch), self.steps]
        self.scored = scored_ends(self.ends)
        self.program = make_program(self.plan, self.task.batch_size, dtype)
        self.modes = modes(self.runs, self.plan)
        self.table = make_table([run.schedule for run in runs], self.plan.places, self.steps)
        # [2, U, T] to [U, T, 2], one contiguous table a schedule.
        table = coefficients(self.task.optimizer, self.table.rates, self.table.ages)
        self.coefficients = np.ascontiguousarray(np.moveaxis(table, 0, -1))
        self.stairs = (
            level_stair(self.task.precision.weights, 1.0),
            level_stair(self.task.precision.activations, None),
        )
        self.networks = {mode: self._network(mode) for mode in set(self.modes)}

    def groups(self, threads: int) -> list[range]:
        """Return the runs that are prepared together: small lanes in groups.

        Between trainings Python runs, and each drives the other from the caches. Threads share the
        groups, so each gets several.
        """
        order = 8 * self.steps * self.task.batch_size
        fitting = MEMORY // (state_size(self.program) * self.dtype.itemsize + order)
        shared = len(self.runs) if threads == 1 else len(self.runs) // (4 * threads)
        size = max(1, min(GROUP, fitting, shared))
        starts = range(0, len(self.runs), size)
        return [range(start, min(start + size, len(self.runs))) for start in starts]

    def records(self, group: range) -> list[Record]:
        """Train the runs of a group, one after the other."""
        lanes = [Lane(self, i) for i in group]
        for lane in lanes:
            lane.train()
        return [lane.record() for lane in lanes]

    def _network(self, mode: tuple[Mode, ...]) -> Network:
        return make_network(self.program, mode, self.stairs, self.task.precision.weights)

    def split(self, name: str) -> Split:
        """Return one split of the task's data."""
        return _split(self.task.data, name, self.dtype, self.flat)

    def initial(self, i: int) -> np.ndarray:
        """Return the initial parameters of run ``i``, [P]."""
        mean = self.table.controls[self.table.index[i], 0, MEAN]
        starts = thresholds(self.modes[i], mean, self.plan, self.stairs[0])
        return initial_values(self.plan, self.runs[i].seed, starts)

    def course(self, i: int, steps: int) -> Course:
        """Return what run ``i`` is told at each of the first ``steps``."""
        ends = [*(end for end in self.ends if end < steps), steps]
        row = self.table.index[i]
        ages = self.table.ages[row]
        return Course(
            self.table.controls[row],
            self.coefficients[row],
            (ages == 1) & (np.arange(self.steps) > 0),
            self.keys(i),
            self.counts(i),
            self.uniforms(i),
            self.order(self.runs[i].seed),
            np.array(ends),
            np.array([end in self.scored for end in ends]),
            recipe(self.task.optimizer),
        )

    def order(self, seed: int) -> np.ndarray:
        """Return the examples of each batch, [T, B]."""
        draw, examples = generator(seed, Stream.BATCHES), len(self.data.train)
        batch = self.task.batch_size
        rows = np.tile(np.arange(examples), (len(self.ends), 1))
        draw.permuted(rows, axis=1, out=rows)
        return rows[:, : self.epoch * batch].reshape(-1, batch)

    def keys(self, i: int) -> np.ndarray:
        """Return the keys of the noise of run ``i``, [T, Q, 2]; of one step if it has none."""
        quantizers = len(self.plan.places)
        if all(mode.forward != "random" for mode in self.modes[i]):
            return np.zeros((1, quantizers, 2), np.int32)
        words = noise_keys(lane_keys([self.runs[i].seed]), range(self.steps), quantizers)
        return np.ascontiguousarray(words[:, :, 0])

    def counts(self, i: int) -> np.ndarray:
        """Return how many weights run ``i`` has frozen, [T, tensors]; empty if it freezes none."""
        if all(mode.kind != "inq" for mode in self.modes[i]):
            return np.zeros((0, 1), np.int64)
        return frozen_counts(self.table.controls[self.table.index[i], :, FROZEN], self.plan)

    def uniforms(self, i: int) -> np.ndarray:
        """Return the samples for random partitions of run ``i``, [1 or epochs, Q]."""
        if all(mode.kind != "inq" for mode in self.modes[i]):
            return np.zeros((1, self.plan.quantized), self.dtype)
        segments = weight_segments([self.modes[i]], self.plan)
        draw = generator(self.runs[i].seed, Stream.PARTITION)
        drawn = [s for s in segments if s.mode.kind == "inq" and s.mode.forward in RANDOM]
        anew = any(segment.mode.forward == "rpr" for segment in drawn)
        rows = np.zeros((len(self.ends) if anew else 1, self.plan.quantized), self.dtype)
        for row in rows:
            for segment in drawn:
                row[segment.columns] = draw.random(row.size)[segment.columns]
        return rows


class Lane:
    """The training of one run.

    Args:
        cohort: what it shares with others.
        i: which run of it.
        steps: how many to take; None for all.

    Attributes:
        state: its memory.
    """

    def __init__(self, cohort: Cohort, i: int, steps: int | None = None) -> None:
        self.cohort, self.i, self.run = cohort, i, cohort.runs[i]
        self.program: Program = cohort.program
        self.state: State = make_state(
            self.program, cohort.initial(i), cohort.data.classes, cohort.dtype
        )
        self.course = cohort.course(i, steps or cohort.steps)
        self.losses = np.zeros(cohort.steps)
        self.scores = np.zeros((len(cohort.ends) + 1, 2))
        self.taken, self.seconds = 0, 0.0

    def train(self) -> None:
        """Train from the first step to the last."""
        began = time.perf_counter()
        self.taken = train_lane(*self._arguments())
        self.seconds = time.perf_counter() - began

    def record(self) -> Record:
        """Return what became of the training."""
        record = Record(self.run, str(self.cohort.dtype), "native-lanes")
        record.steps, record.seconds = self.taken, self.seconds
        self._fill(record)
        return record

    def parameters(self) -> Parameters:
        """Return the parameters and the weights of the hard network, as last scored."""
        program, state = self.program, self.state
        quantized = program.columns[: int(program.tensors[-1])]
        rows = (
            state.values[program.columns],
            state.effective[quantized],
            state.means[program.running],
            state.variances[program.running],
        )
        return Parameters(*(row.astype(np.float64) for row in rows))

    def prepare(self) -> None:
        """Compile the code, if no process has done so."""
        compile_once(train_lane, self._arguments())

    def _arguments(self) -> tuple[Any, ...]:
        cohort = self.cohort
        return (
            cohort.networks[cohort.modes[self.i]],
            self.course,
            self.state,
            cohort.split("train"),
            cohort.split("validation"),
            cohort.split(self.run.evaluate),
            self.losses,
            self.scores,
        )

    def _fill(self, record: Record) -> None:
        """Enter curve and end in the record."""
        cohort, steps = self.cohort, self.taken
        losses, scores = self.losses, self.scores
        sound = np.isfinite(losses[:steps])
        weights_sound = bool(np.isfinite(self.state.values).all())
        start = 0
        for end, score in zip(cohort.ends, scores, strict=False):
            failed = end == steps and not (sound.all() and weights_sound)
            record.losses.append(losses[start:end])
            if failed or end > steps:
                break
            if end in cohort.scored:
                record.add_point(end, float(score[0]))
            start = end
        if not sound.all():
            record.fail("loss", int(np.argmin(sound)) + 1)
        elif not weights_sound:
            record.fail("weights", steps)
        else:
            record.finish(*map(float, scores[-1]))


@lru_cache(maxsize=8)
def _split(spec: DataSpec, name: str, dtype: np.dtype, flat: bool) -> Split:
    """Return a split of a data set; the last few stay in memory."""
    split = getattr(load_data(spec), name)
    x = split.x if flat or split.x.ndim == 2 else split.x.transpose(0, 2, 3, 1)
    return Split(np.ascontiguousarray(x, dtype).reshape(-1), split.y)
