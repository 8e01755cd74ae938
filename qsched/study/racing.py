"""Racing: arms climb the rungs together; hopeless ones stop early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qsched.specs import Rung
from qsched.study.arms import Arm
from qsched.study.statistics import moderated_p_values
from qsched.study.steps import Block, Steps

__all__ = ["Raced", "best_by_name", "incumbents", "race"]

_ALPHA = 0.02
"""An arm stops where "not worse than the incumbent" has a smaller p-value than this."""


@dataclass
class Raced:
    """What an arm reached.

    Attributes:
        arm: the arm.
        scores: accuracies by training length, in the order of the search seeds.
        rungs: numbers of seeds at full length at which it was compared.
        finished: whether it reached the top of the ladder.
    """

    arm: Arm
    scores: dict[float, np.ndarray] = field(default_factory=dict)
    rungs: list[int] = field(default_factory=list)
    finished: bool = False

    @property
    def count(self) -> int:
        """Number of seeds at full length."""
        return self.scores.get(1.0, np.zeros(0)).size

    @property
    def mean(self) -> float:
        """Mean accuracy at full length; 0 where it never came so far."""
        return float(self.scores[1.0].mean()) if self.count else 0.0

    @property
    def means(self) -> dict[int, float]:
        """Mean accuracy at full length at each rung, by its number of seeds."""
        return {n: float(self.scores[1.0][:n].mean()) for n in self.rungs}


def race(
    arms: Sequence[Arm],
    rungs: Sequence[Rung],
    incumbents: Mapping[float, np.ndarray] | None = None,
) -> Steps[list[Raced]]:
    """Let ``arms`` climb ``rungs``.

    After each rung but the last, arms that are worse than the incumbent on the seeds they have in
    common stop (:func:`~qsched.study.statistics.moderated_p_values`, level 2 %). The incumbent is
    the best of the given one and of the arms still in the race; the best of these always climbs.

    Args:
        arms: the arms.
        rungs: the ladder.
        incumbents: accuracies of the best arm known before, by training length.

    Returns:
        One entry an arm, in the order of ``arms``.
    """
    entries = [Raced(arm) for arm in arms]
    alive = entries
    for i, rung in enumerate(rungs):
        yield from _climb(alive, rung)
        if i + 1 < len(rungs):
            known = (incumbents or {}).get(rung.length)
            alive = _survivors(alive, rung, known)
    for entry in alive:
        entry.finished = True
    return entries


def best_by_name(entries: Sequence[Raced]) -> list[Raced]:
    """Return the best entry of each arm name (its best learning rate), in order of appearance.

    Entries with more seeds come before those with fewer; equal ones go by their mean.
    """
    best: dict[str, Raced] = {}
    for entry in entries:
        known = best.get(entry.arm.name)
        if known is None or (entry.count, entry.mean) > (known.count, known.mean):
            best[entry.arm.name] = entry
    return list(best.values())


def incumbents(entries: Sequence[Raced]) -> dict[float, np.ndarray]:
    """Return the accuracies of the best finished entry, by training length."""
    finished = [entry for entry in entries if entry.finished]
    return max(finished, key=lambda entry: entry.mean).scores if finished else {}


def _climb(entries: Sequence[Raced], rung: Rung) -> Steps[None]:
    """Train every entry on the seeds that this rung adds."""
    have = entries[0].scores.get(rung.length, np.zeros(0)).size
    arms = [entry.arm for entry in entries]
    block: np.ndarray = yield Block("search", arms, range(have, rung.seeds), rung.length)
    for entry, row in zip(entries, block, strict=True):
        before = entry.scores.get(rung.length, np.zeros(0))
        entry.scores[rung.length] = np.concatenate((before, row))
        if rung.length == 1:
            entry.rungs.append(rung.seeds)


def _survivors(entries: Sequence[Raced], rung: Rung, incumbent: np.ndarray | None) -> list[Raced]:
    scores = np.stack([entry.scores[rung.length] for entry in entries])
    first = int(scores.mean(axis=1).argmax())
    leader = scores[first]
    if incumbent is not None and incumbent[: rung.seeds].mean() > leader.mean():
        leader = incumbent[: rung.seeds]
    others = [i for i in range(len(entries)) if i != first]
    # The best arm always climbs, so that a batch tells how good its best one is.
    stays = [True] * len(entries)
    if others:
        for i, p_value in zip(others, moderated_p_values(scores[others] - leader), strict=True):
            stays[i] = bool(p_value >= _ALPHA)
    return [entry for entry, stay in zip(entries, stays, strict=True) if stay]
