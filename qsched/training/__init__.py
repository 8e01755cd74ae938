"""Training: from runs to results."""

from qsched.training.loop import train

__all__ = ["train"]
