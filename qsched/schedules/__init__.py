"""Schedules: pure functions of training progress. No torch, no state."""

from qsched.schedules.curve import HardeningCurve
from qsched.schedules.decay import Cosine, Decay, Exponential, Knots, Logistic, Power, Steps
from qsched.schedules.learning_rate import Drop, LearningRate
from qsched.schedules.methods import Ana, Inq, Partition
from qsched.schedules.places import Place, Role, depths
from qsched.schedules.schedule import (
    BACKWARD_STD,
    CONTROLS,
    FORWARD_STD,
    FROZEN,
    MEAN,
    Override,
    Schedule,
)
from qsched.schedules.window import Lag, Window

__all__ = [
    "BACKWARD_STD",
    "CONTROLS",
    "FORWARD_STD",
    "FROZEN",
    "MEAN",
    "Ana",
    "Cosine",
    "Decay",
    "Drop",
    "Exponential",
    "HardeningCurve",
    "Inq",
    "Knots",
    "Lag",
    "LearningRate",
    "Logistic",
    "Override",
    "Partition",
    "Place",
    "Power",
    "Role",
    "Schedule",
    "Steps",
    "Window",
    "depths",
]
