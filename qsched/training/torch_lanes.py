"""Training by torch lanes: a cohort from its first step to its results."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from qsched.specs import Run, RunResult
from qsched.tasks import load_data
from qsched.training.cohort import Cohort, modes, task_plan
from qsched.training.evaluate import evaluate
from qsched.training.memory import lanes_together
from qsched.training.record import Record, scored_ends
from qsched.training.table import step_counts
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
            results += _Training(part, dtype, device).run()
    place = np.argsort(order)
    return [results[i] for i in place]


def train_one(run: Run, dtype: torch.dtype, device: torch.device) -> tuple[RunResult, Parameters]:
    """Train one run, and return its parameters, too; arguments as of :func:`train`."""
    with torch.inference_mode():
        training = _Training([run], dtype, device)
        [result] = training.run()
        return result, training.cohort.parameters(0)


class _Training:
    """A cohort on its way."""

    def __init__(self, runs: Sequence[Run], dtype: torch.dtype, device: torch.device) -> None:
        self.epoch, self.steps = step_counts(runs[0], len(load_data(runs[0].task.data).train))
        self.cohort = Cohort(runs, self.steps, dtype, device)
        self.lanes = [Record(run, str(dtype), together=len(runs)) for run in runs]
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
