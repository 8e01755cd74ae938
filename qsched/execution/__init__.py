"""Where cohorts of runs are trained; the training function comes as an argument."""

from qsched.execution.cohorts import Cohort, split
from qsched.execution.executor import Alone, Answers, Executor, Inline, Train, never, one_by_one
from qsched.execution.local import Local

__all__ = [
    "Alone",
    "Answers",
    "Cohort",
    "Executor",
    "Inline",
    "Local",
    "Train",
    "never",
    "one_by_one",
    "split",
]
