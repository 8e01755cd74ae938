"""Training: from runs to results."""

from qsched.training.engines import train, train_one
from qsched.training.trained import Parameters

__all__ = ["Parameters", "train", "train_one"]
