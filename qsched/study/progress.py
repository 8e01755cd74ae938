"""What a study tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Observe", "Progress"]


@dataclass(frozen=True)
class Progress:
    """One state of a running study.

    Attributes:
        phase: ``baselines``, ``search``, ``selection`` or ``report``.
        done: runs finished in this phase.
        total: runs of this phase known so far (racing may still drop some).
        trials: finished candidates.
        trials_total: candidates of the budget.
        rung: the rung in training, in words.
        best: best mean validation accuracy so far, in [0, 1].
        best_arm: whose it is.
        seconds_left: estimated time left of the whole study.
    """

    phase: str
    done: int = 0
    total: int = 0
    trials: int = 0
    trials_total: int = 0
    rung: str = ""
    best: float | None = None
    best_arm: str | None = None
    seconds_left: float | None = None


Observe = Callable[[Progress], None]
