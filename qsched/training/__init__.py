"""Training: from runs to results."""

from qsched.training.engines import prepare, train, train_one
from qsched.training.trained import Parameters

__all__ = ["Parameters", "prepare", "train", "train_one"]
