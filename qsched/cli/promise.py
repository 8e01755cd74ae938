"""What a schedule file states about its accuracy, and what follows for new seeds."""

from __future__ import annotations

from dataclasses import dataclass

from qsched.schedules.file import ScheduleFile
from qsched.specs import TaskSpec

__all__ = ["Promise", "promise"]


@dataclass(frozen=True)
class Promise:
    """The stated mean accuracy, and where the mean of new seeds is expected."""

    mean: float
    interval: tuple[float, float]

    def holds(self, mean: float) -> bool:
        """Return whether ``mean`` lies in the interval."""
        low, high = self.interval
        return low <= mean <= high


def promise(file: ScheduleFile, task: TaskSpec, seeds: int) -> Promise | None:
    r"""Return what ``file`` states for the mean of ``seeds`` new seeds on ``task``.

    The interval of a mean of n seeds has the half-width :math:`t s / \sqrt n`. The difference to
    the mean of m other seeds has the standard error :math:`s \sqrt{1/n + 1/m}`, so new means are
    expected within the half-width times :math:`\sqrt{1 + n/m}`, at the file's level.

    Args:
        file: the schedule file.
        task: the task that it is tried on.
        seeds: how many new seeds, m >= 1.

    Returns:
        The promise; None if the file states no accuracy on the test set of this very task.
    """
    expected = file.expected
    if expected is None or expected.split != "test" or file.task is None:
        return None
    if file.task != task.model_dump(mode="json", exclude_none=True):
        return None
    stretch = (1 + expected.seeds / seeds) ** 0.5
    low, high = (expected.mean + stretch * (edge - expected.mean) for edge in expected.interval)
    return Promise(expected.mean, (max(low, 0.0), min(high, 1.0)))
