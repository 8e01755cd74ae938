"""Training: from runs to results."""

from qsched.training.engines import train

__all__ = ["train"]
