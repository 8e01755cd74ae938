"""One task from its contenders to its section of the table."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from benchmarks.throughput import table
from benchmarks.throughput.contenders import Contender
from benchmarks.throughput.flops import step_flops, training_flops
from benchmarks.throughput.goals import CONVOLUTIONS
from benchmarks.throughput.rounds import interleave
from benchmarks.throughput.rows import Row
from benchmarks.throughput.tasks import BenchTask
from qsched.lanes.plan import make_plan
from qsched.tasks import build_network, load_data
from qsched.training.memory import lane_bytes, lanes_together

__all__ = ["Measured", "echo", "measure"]

BEGAN = time.perf_counter()


@dataclass(frozen=True)
class Measured:
    """What was found on one task.

    Attributes:
        rows: of all contenders.
        peaks: of the machine, in every round.
        alone: shares of the peak that the 3x3 layers reach alone; empty if not measured.
        lines: of the table.
    """

    rows: list[Row]
    peaks: list[tuple[float, ...]]
    alone: list[float]
    lines: list[str]


def measure(
    task: BenchTask,
    contenders: Sequence[Contender],
    rounds: int,
    peak: Callable[[], tuple[float, ...]],
    convolutions: Callable[[str], float] | None = None,
) -> Measured:
    """Measure all contenders on a task; see :func:`~benchmarks.throughput.rounds.interleave`.

    Args:
        task: what is trained.
        contenders: who trains.
        rounds: how many samples of each.
        peak: measures the machine.
        convolutions: measures the 3x3 layers of a task alone; None: they are not.
    """
    spec = task.spec
    data = load_data(spec.data)
    plan = make_plan(build_network(spec, data.classes), data.shape)

    def flops(evaluations: int) -> int:
        evaluated = evaluations * spec.data.validation
        return training_flops(plan, spec.batch_size, task.steps, evaluated)

    rows, peaks = interleave(contenders, task, rounds, flops, peak, echo)
    title = f"{task.title}: {task.steps} steps of {spec.batch_size}"
    remark = f"; random data in place of {task.stand_in}" if task.stand_in else ""
    about = table.size_line(
        step_flops(plan, spec.batch_size),
        lane_bytes(plan, spec.batch_size, torch.float32),
        lanes_together(plan, spec.batch_size, torch.float32, torch.device("cpu")),
    )
    alone: list[float] = []
    if convolutions is not None and task.key in CONVOLUTIONS:
        alone = [convolutions(task.key) / peak()[0] for _ in range(rounds)]
    lines = list(table.task_lines(title, about, rows, peaks, remark, alone))
    return Measured(rows, peaks, alone, lines)


def echo(text: str) -> None:
    """Tell progress, on standard error."""
    print(f"[{time.perf_counter() - BEGAN:4.0f} s] {text}", file=sys.stderr, flush=True)
