"""The training of a cohort, epoch by epoch, whatever computes its steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from qsched.specs import RunResult
from qsched.training.evaluate import Score
from qsched.training.record import Record, scored_ends

__all__ = ["Loop", "Trains"]


class Trains(Protocol):
    """A cohort: lane i is run i."""

    def train(self, steps: range) -> Tensor:
        """Take the steps of one epoch; return the losses, [S, K]."""

    def sound(self) -> Tensor:
        """Return which lanes have only finite parameters, bool [K]."""

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all lanes but ``rows``; nothing changes for these."""


class Loop:
    """A cohort on its way.

    Args:
        cohort: what computes the steps.
        evaluate: scores the hard network of every lane on a split.
        records: one for each lane.
        epoch: steps of an epoch.
        steps: steps of the whole training.
    """

    def __init__(
        self,
        cohort: Trains,
        evaluate: Callable[[str], Score],
        records: Sequence[Record],
        epoch: int,
        steps: int,
    ) -> None:
        self.cohort, self.evaluate = cohort, evaluate
        self.epoch, self.steps = epoch, steps
        self.lanes = self.active = list(records)

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
        sound = self.cohort.sound().cpu().numpy() & finite.all(axis=0)
        for i, lane in enumerate(self.active):
            lane.losses.append(losses[:, i])
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
        scores = {split: self.evaluate(split) for split in splits | {"validation"}}
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
