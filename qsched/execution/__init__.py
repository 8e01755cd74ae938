"""Where cohorts of runs are trained; the training function comes as an argument."""

from qsched.execution.cohorts import Cohort, split
from qsched.execution.executor import Executor, Inline, Train
from qsched.execution.local import Local

__all__ = ["Cohort", "Executor", "Inline", "Local", "Train", "split"]
