"""Where cohorts of runs are trained; the training function comes as an argument."""

from qsched.execution.cohorts import Cohort, split
from qsched.execution.executor import Answers, Executor, Inline, Train, one_by_one
from qsched.execution.local import Local

__all__ = ["Answers", "Cohort", "Executor", "Inline", "Local", "Train", "one_by_one", "split"]
