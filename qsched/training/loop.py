"""The one training loop: a cohort from its first step to its results."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from qsched.errors import InputError, TrainingError
from qsched.specs import Run, RunResult
from qsched.tasks import load_data
from qsched.training.cohort import Cohort, modes, task_plan
from qsched.training.evaluate import evaluate
from qsched.training.record import Record, scored_ends

__all__ = ["train"]


def train(
    runs: Sequence[Run], *, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> list[RunResult]:
    """Train a cohort: runs of one task and length, each with its own schedule and seed.

    A run's result does not depend on the other runs, nor on its place among them, up to rounding.
    A run whose loss or parameters stop being finite ends as ``failed``; the others go on. The
    number of threads is left as it is: one thread a process is best on a CPU.

    Args:
        runs: the cohort; all of one task and one length.
        dtype: of parameters and activations.
        device: a torch device.

    Returns:
        One result a run, in the order of ``runs``.

    Raises:
        TrainingError: the runs differ in task or length.
        InputError: data or network of the task cannot be built, or the batch size is larger than
            the training split.
    """
    if not runs:
        return []
    if len({(run.task, run.length) for run in runs}) > 1:
        raise TrainingError("runs of one cohort must share task and length; split them first")
    plan, _ = task_plan(runs[0].task)
    order = sorted(range(len(runs)), key=modes(runs, plan).__getitem__)
    with torch.inference_mode():
        results = _Training([runs[i] for i in order], dtype, torch.device(device)).run()
    place = np.argsort(order)
    return [results[i] for i in place]


class _Training:
    """A cohort on its way."""

    def __init__(self, runs: Sequence[Run], dtype: torch.dtype, device: torch.device) -> None:
        task = runs[0].task
        examples = len(load_data(task.data).train)
        self.epoch = examples // task.batch_size
        if self.epoch == 0:
            raise InputError(
                f"the batch size must not exceed the {examples} training examples, but is "
                f"{task.batch_size}; lower batch_size or raise data.train"
            )
        self.steps = max(1, round(task.epochs * self.epoch * runs[0].length))
        self.cohort = Cohort(runs, self.steps, dtype, device)
        self.lanes = [Record(run, str(dtype)) for run in runs]
        self.active = self.lanes

    def run(self) -> list[RunResult]:
        ends = [*range(self.epoch, self.steps, self.epoch), self.steps]
        points = scored_ends(ends)
        for start, end in zip([0, *ends], ends, strict=False):
            began, share = time.perf_counter(), self.active
            self.advance(range(start, end))
            if self.active and end in points:
                self.score(end)
            for lane in share:
                lane.seconds += (time.perf_counter() - began) / len(share)
            if not self.active:
                break
        return [lane.result() for lane in self.lanes]

    def advance(self, steps: range) -> None:
        """Train for some steps, then drop the lanes that diverged."""
        losses = self.cohort.train(steps).double().cpu().numpy()
        finite = np.isfinite(losses)
        sound = self.cohort.buffers.values.isfinite().all(1).cpu().numpy() & finite.all(axis=0)
        for i, lane in enumerate(self.active):
            lane.losses.extend(losses[:, i])
            lane.steps = steps.stop
            if not sound[i]:
                first = steps.start + int(np.argmin(finite[:, i])) + 1
                lane.fail(
                    *(("loss", first) if not finite[:, i].all() else ("weights", steps.stop))
                )
        self.drop()

    def score(self, step: int) -> None:
        """Add a point to the curves; at the end, take the final accuracies."""
        last = step == self.steps
        splits = {lane.run.evaluate for lane in self.active} if last else set()
        scores = {split: evaluate(self.cohort, split) for split in splits | {"validation"}}
        for i, lane in enumerate(self.active):
            lane.add_point(step, float(scores["validation"].accuracy[i]))
            if last:
                final = scores[lane.run.evaluate]
                lane.finish(float(final.accuracy[i]), float(final.loss[i]))

    def drop(self) -> None:
        """Go on without the lanes that failed."""
        rows = [i for i, lane in enumerate(self.active) if lane.reason is None]
        if len(rows) < len(self.active):
            self.active = [self.active[i] for i in rows]
            if rows:
                self.cohort.keep(rows)
