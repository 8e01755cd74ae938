"""What executors are handed: training, imported where and when it is used."""

from __future__ import annotations

from collections.abc import Sequence

from qsched.specs import Run, RunResult, TaskSpec

__all__ = ["alone", "prepare", "train"]


def alone(task: TaskSpec) -> bool:
    """Say whether runs of a task train alone; see :func:`qsched.tasks.trains_alone`."""
    from qsched.tasks import trains_alone

    return trains_alone(task)


def prepare(task: TaskSpec) -> None:
    """Load what training a task takes; see :func:`qsched.training.prepare`."""
    from qsched.training import prepare as prepare_task

    prepare_task(task)


def train(runs: Sequence[Run], device: str = "cpu") -> list[RunResult]:
    """Train runs of one cohort on a torch device; see :func:`qsched.training.train`."""
    from qsched.training import train as train_cohort

    return train_cohort(runs, device=device)
