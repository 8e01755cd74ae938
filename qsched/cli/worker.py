"""What executors are handed: training, imported where and when it is used."""

from __future__ import annotations

from collections.abc import Sequence

from qsched.specs import Run, RunResult

__all__ = ["train"]


def train(runs: Sequence[Run], device: str = "cpu") -> list[RunResult]:
    """Train runs of one cohort on a torch device; see :func:`qsched.training.train`."""
    from qsched.training import train as train_cohort

    return train_cohort(runs, device=device)
