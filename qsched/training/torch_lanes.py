"""Training by torch lanes: a cohort from its first step to its results."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from qsched.specs import Run, RunResult
from qsched.tasks import load_data, step_counts, task_plan
from qsched.training.cohort import Cohort
from qsched.training.evaluate import evaluate
from qsched.training.loop import Loop
from qsched.training.memory import lanes_together
from qsched.training.modes import modes
from qsched.training.record import Record
from qsched.training.trained import Parameters

__all__ = ["train", "train_one"]


def train(runs: Sequence[Run], dtype: torch.dtype, device: torch.device) -> list[RunResult]:
    """Train runs of one task and length, as many at a time as train best together.

    The number of torch's threads is left as it is; a result says how many lanes trained together.

    Args:
        runs: the cohort.
        dtype: of parameters and activations.
        device: where they lie.

    Returns:
        One result a run, in the order of ``runs``.
    """
    plan, _ = task_plan(runs[0].task)
    order = sorted(range(len(runs)), key=modes(runs, plan).__getitem__)
    together = lanes_together(plan, runs[0].task.batch_size, dtype, device)
    results: list[RunResult] = []
    with torch.inference_mode():
        for start in range(0, len(order), together):
            part = [runs[i] for i in order[start : start + together]]
            results += _loop(part, dtype, device)[0].run()
    place = np.argsort(order)
    return [results[i] for i in place]


def train_one(run: Run, dtype: torch.dtype, device: torch.device) -> tuple[RunResult, Parameters]:
    """Train one run, and return its parameters, too; arguments as of :func:`train`."""
    with torch.inference_mode():
        loop, cohort = _loop([run], dtype, device)
        [result] = loop.run()
        return result, cohort.parameters(0)


def _loop(runs: Sequence[Run], dtype: torch.dtype, device: torch.device) -> tuple[Loop, Cohort]:
    epoch, steps = step_counts(runs[0], len(load_data(runs[0].task.data).train))
    cohort = Cohort(runs, steps, dtype, device)
    records = [Record(run, str(dtype), together=len(runs)) for run in runs]
    return Loop(cohort, partial(evaluate, cohort), records, epoch, steps), cohort
