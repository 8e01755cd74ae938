"""Which rungs serve: shorter lengths only where they rank schedules as full length does."""

from __future__ import annotations

from collections.abc import Sequence

from qsched.specs import Budget, Rung
from qsched.study.measure import Measure
from qsched.study.racing import Raced
from qsched.study.statistics import rank_correlation

__all__ = ["usable_rungs"]


def usable_rungs(
    budget: Budget, baselines: Sequence[Raced], measure: Measure
) -> tuple[list[Rung], str]:
    """Return the rungs that candidates climb, and why, in words.

    A shorter length is measured on the baselines (the schedule rescaled to it, never cut) and
    serves where Spearman's rank correlation of its mean accuracies with those at full length
    reaches ``budget.rank_correlation``. The baselines keep their scores at that length.
    """
    serving, words = [], []
    for rung in budget.rungs:
        if rung.length == 1:
            serving.append(rung)
            continue
        rho = _correlation(rung, baselines, measure)
        serves = rho >= budget.rank_correlation
        serving += [rung] * serves
        words.append(
            f"length {rung.length:g} {'serves' if serves else 'is left out'}: its rank "
            f"correlation with full length on the {len(baselines)} baselines is {rho:.2f} "
            f"(needed: {budget.rank_correlation:g})"
        )
    return serving, "; ".join(words) or "all rungs train at full length"


def _correlation(rung: Rung, baselines: Sequence[Raced], measure: Measure) -> float:
    arms = [entry.arm for entry in baselines]
    scores = measure("search", arms, range(rung.seeds), length=rung.length)
    for entry, row in zip(baselines, scores, strict=True):
        entry.scores[rung.length] = row
    # Both sides over the same seeds: an arm that stopped early has no others.
    full = [float(entry.scores[1.0][: rung.seeds].mean()) for entry in baselines]
    return rank_correlation(scores.mean(axis=1).tolist(), full)
