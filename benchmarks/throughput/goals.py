"""The goals, and whether they are reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.throughput.contenders import COMPILED, PEER_A
from benchmarks.throughput.costs import Costs, Growth
from benchmarks.throughput.rows import Row, ratio

__all__ = ["GOALS", "Goal", "Verdict", "shares", "study_verdicts", "task_verdicts"]


@dataclass(frozen=True)
class Goal:
    """Least ratios of one task: to Peer A, to compiled Peer B a core, to the sgemm peak."""

    peer_a: float
    compiled: float
    share: float


GOALS: Mapping[str, Goal] = {
    "mlp9": Goal(300, 100, 0.28),
    "mlp64": Goal(50, 12, 0.40),
    "cnn8": Goal(6, 3, 0.45),
    "cnn28": Goal(3, 2, 0.50),
}
CONVOLUTIONS: Mapping[str, float] = {"cnn28": 0.75}
"""Least share of the sgemm peak that the 3x3 layers of a task reach alone."""
STUDY_SPEEDUP, STUDY_SECONDS = 60.0, 60.0
OVERHEAD = {100: 0.015, 1_000: 0.015, 10_000: 0.050}
"""Most seconds a trial of sampling and storage, by finished trials."""


@dataclass(frozen=True)
class Verdict:
    """One goal: what was asked, what was found, by whom; ``reached`` is None if not measured."""

    goal: str
    found: str
    reached: bool | None

    @property
    def word(self) -> str:
        """``reached``, ``not reached`` or ``not measured``."""
        return {True: "reached", False: "not reached", None: "not measured"}[self.reached]


def shares(row: Row, peaks: Sequence[tuple[float, ...]]) -> list[float]:
    """Return a row's share of the sgemm peak of as many cores, in every round."""
    return [speed / peak[row.workers - 1] for speed, peak in zip(row.speeds, peaks, strict=True)]


def task_verdicts(
    key: str, rows: Sequence[Row], peaks: Sequence[tuple[float, ...]], alone: Sequence[float]
) -> Iterator[Verdict]:
    """Judge the fastest rows of qsched on one task.

    Args:
        key: of the task.
        rows: measured or not.
        peaks: of sgemm, in every round.
        alone: shares of the sgemm peak that its 3x3 layers reach alone; empty if not measured.
    """
    if key not in GOALS:
        return
    goal, named = GOALS[key], {row.name: row for row in rows if row.measured}
    both = _fastest(rows, 2)
    single = _fastest(rows, 1)
    yield _at_least(f"{key}: x Peer A on 2 cores", goal.peer_a, both, named.get(PEER_A))
    yield _at_least(
        f"{key}: x compiled Peer B, a core", goal.compiled, single, named.get(COMPILED)
    )
    text = f"{key}: share of sgemm peak >= {goal.share:.0%}"
    if single is None:
        yield Verdict(text, "no row of qsched", None)
    else:
        share = ratio(single.speeds, [peak[0] for peak in peaks])
        yield Verdict(text, f"{share:.1%} ({single.name})", share >= goal.share)
    if key in CONVOLUTIONS:
        least = CONVOLUTIONS[key]
        text = f"{key}: 3x3 layers alone, share of sgemm peak >= {least:.0%}"
        if alone:
            yield Verdict(text, f"{median(alone):.1%}", median(alone) >= least)
        else:
            yield Verdict(text, "not measured", None)


def study_verdicts(
    costs: Costs | None, growths: Sequence[Growth], peer_a: float | None
) -> Iterator[Verdict]:
    """Judge the whole study and its costs besides training.

    Args:
        costs: of the study; None if it was not run.
        growths: ask, tell and report by finished trials.
        peer_a: trainings per hour of Peer A on the study's task; None if not measured.
    """
    if costs is not None:
        text = f"digits-ana, {costs.trials} trials, <= 1/{STUDY_SPEEDUP:.0f} of Peer A's time"
        if peer_a is None:
            yield Verdict(text, "no Peer A", None)
        else:
            speedup = 3600 * costs.trainings / peer_a / costs.seconds
            yield Verdict(text, f"1/{speedup:.0f}", speedup >= STUDY_SPEEDUP)
        text = f"digits-ana, {costs.trials} trials, <= {STUDY_SECONDS:.0f} s"
        yield Verdict(text, f"{costs.seconds:.1f} s", costs.seconds <= STUDY_SECONDS)
        text = f"sampling + storage + orchestration <= {1000 * OVERHEAD[100]:.0f} ms a trial"
        yield Verdict(text, f"{1000 * costs.overhead:.1f} ms", costs.overhead <= OVERHEAD[100])
    found = {each.trials: each.ask + each.tell for each in growths}
    for trials, limit in OVERHEAD.items() if growths else ():
        text = f"ask + tell at {trials:,} trials <= {1000 * limit:.0f} ms a trial"
        if trials in found:
            yield Verdict(text, f"{1000 * found[trials]:.1f} ms", found[trials] <= limit)
        else:
            yield Verdict(text, "filling the study takes too long, or was not asked for", None)


def _fastest(rows: Sequence[Row], workers: int) -> Row | None:
    ours = [row for row in rows if row.ours and row.measured and row.workers == workers]
    return max(ours, key=lambda row: row.rate, default=None)


def _at_least(text: str, least: float, row: Row | None, peer: Row | None) -> Verdict:
    text = f"{text} >= {least:.0f}"
    if row is None or peer is None:
        return Verdict(text, "no row of qsched" if row is None else "no such peer", None)
    found = ratio(row.rates, peer.rates)
    return Verdict(text, f"{found:.1f} ({row.name})", found >= least)
