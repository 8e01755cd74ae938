"""Runs and their results: what passes between the wings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from qsched.schedules import Schedule
from qsched.schedules.base import Frozen
from qsched.specs.digest import digest
from qsched.specs.task import TaskSpec

__all__ = ["CurvePoint", "Run", "RunResult"]


class Run(Frozen):
    """One network to be trained once.

    Attributes:
        task: what it is trained on.
        schedule: how it hardens, and its learning rates.
        seed: names the initial weights, the order of batches and the noise.
        length: training length, as a share of the task's epochs.
        evaluate: the split on which its final accuracy is taken.
    """

    task: TaskSpec
    schedule: Schedule
    seed: Annotated[int, Field(ge=0)]
    length: Annotated[float, Field(gt=0, le=1)] = 1.0
    evaluate: Literal["validation", "test"] = "validation"

    @property
    def key(self) -> str:
        """The name of this run: equal runs have equal keys."""
        return digest(self)


class CurvePoint(Frozen):
    """One point of a learning curve: after ``step`` steps.

    ``loss`` is the mean training loss since the last point; ``accuracy`` that of the
    hard-quantized network on the validation set, in [0, 1].
    """

    step: int
    loss: float
    accuracy: float


class RunResult(Frozen):
    """What became of a run.

    Attributes:
        key: the run's key.
        status: ``finished`` or ``failed`` (it diverged).
        accuracy: of the hard-quantized network on the run's split at the end, in [0, 1]; None if
            it failed.
        loss: cross-entropy of the same network on the same split; None if it failed.
        curve: learning curve.
        steps: optimizer steps taken.
        seconds: its share of its cohort's wall time.
        reason: why it failed.
        versions: of what it was trained with.
    """

    key: str
    status: Literal["finished", "failed"]
    accuracy: float | None = None
    loss: float | None = None
    curve: tuple[CurvePoint, ...] = ()
    steps: int
    seconds: float
    reason: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)
