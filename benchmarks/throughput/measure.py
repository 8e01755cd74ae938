"""One task from its contenders to its section of the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.throughput import table
from benchmarks.throughput.contenders import Contender
from benchmarks.throughput.flops import step_flops, training_flops
from benchmarks.throughput.rounds import interleave
from benchmarks.throughput.rows import Row
from benchmarks.throughput.tasks import BenchTask
from qsched.lanes.plan import make_plan
from qsched.tasks import build_network, load_data

__all__ = ["Measured", "echo", "measure"]

BEGAN = time.perf_counter()


@dataclass(frozen=True)
class Measured:
    """What was found on one task: rows, the machine's peak in every round, the table's lines."""

    rows: list[Row]
    peaks: list[tuple[float, ...]]
    lines: list[str]


def measure(
    task: BenchTask,
    contenders: Sequence[Contender],
    rounds: int,
    peak: Callable[[], tuple[float, ...]],
) -> Measured:
    """Measure all contenders on a task; see :func:`~benchmarks.throughput.rounds.interleave`."""
    spec = task.spec
    data = load_data(spec.data)
    plan = make_plan(build_network(spec, data.classes), data.shape)

    def flops(evaluations: int) -> int:
        evaluated = evaluations * spec.data.validation
        return training_flops(plan, spec.batch_size, task.steps, evaluated)

    rows, peaks = interleave(contenders, task, rounds, flops, peak, echo)
    title = f"{task.title}: {task.steps} steps of {spec.batch_size}"
    remark = f"; random data in place of {task.stand_in}" if task.stand_in else ""
    step = step_flops(plan, spec.batch_size)
    return Measured(rows, peaks, list(table.task_lines(title, step, rows, peaks, remark)))


def echo(text: str) -> None:
    """Tell progress, on standard error."""
    print(f"[{time.perf_counter() - BEGAN:4.0f} s] {text}", file=sys.stderr, flush=True)
