"""What a study tells while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Observe", "Progress", "Ticker"]


@dataclass(frozen=True)
class Progress:
    """One state of a running study.

    Attributes:
        phase: ``baselines``, ``search``, ``selection`` or ``report``; ``watching`` while another
            process runs the study, ``waiting`` while its database does not answer.
        done: runs finished in this phase.
        total: runs of this phase known so far (racing may still drop some).
        trials: finished candidates.
        trials_total: candidates of the budget.
        rung: the rung in training, in words.
        best: best mean validation accuracy so far, in [0, 1].
        best_arm: whose it is.
        seconds_left: estimated time left of the whole study; None until a run has finished.
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


class Ticker:
    """Keeps the progress of one study and passes every change on.

    Args:
        observe: called with each new state.
        trials_total: candidates of the budget.
        ahead: estimates how many runs come after those of the current phase that are known.
    """

    def __init__(self, observe: Observe, trials_total: int, ahead: Callable[[Progress], float]):
        self._observe = observe
        self._ahead = ahead
        self._state = Progress("baselines", trials_total=trials_total)
        self._trained = 0
        self._since = time.monotonic()

    def phase(self, name: str) -> None:
        """Enter a phase; its counts begin at 0."""
        self._update(phase=name, done=0, total=0, rung="")

    def plan(self, runs: int, rung: str) -> None:
        """Announce ``runs`` more runs of the current phase."""
        self._update(total=self._state.total + runs, rung=rung)

    def finish(self, runs: int, *, trained: bool) -> None:
        """Count ``runs`` as done; ``trained`` now, or found in the database."""
        self._trained += runs * trained
        self._update(done=self._state.done + runs)

    def say(self, words: str) -> None:
        """Tell ``words`` in place of the rung, this once."""
        self._observe(replace(self._state, rung=words))

    def trials(self, finished: int) -> None:
        """Tell how many candidates are finished."""
        self._update(trials=finished)

    def best(self, accuracy: float, arm: str) -> None:
        """Tell a mean validation accuracy; it is kept if it is the best so far."""
        if self._state.best is None or accuracy > self._state.best:
            self._update(best=accuracy, best_arm=arm)

    def _update(self, **changes: Any) -> None:
        state = replace(self._state, **changes)
        if self._trained:
            left = state.total - state.done + self._ahead(state)
            pace = (time.monotonic() - self._since) / self._trained
            state = replace(state, seconds_left=left * pace)
        self._state = state
        self._observe(state)
