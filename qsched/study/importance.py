"""Which parameters made good trials good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

__all__ = ["in_memory", "ped_anova", "top_share"]

_TOP = 0.1
_MIN_TOP = 5


def ped_anova(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """Return the share of each parameter among the best trials, largest first, with sum 1.

    A parameter matters as far as its values in the best trials (:func:`top_share`) are distributed
    otherwise than in all that have it. One that all but one of the trials have, or only one has,
    cannot be judged and is left out.

    Args:
        trials: completed trials, to be maximized; at least five, of different values.

    Reference:
        Watanabe, Bansal, Hutter, PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in
        Arbitrary Subspaces, IJCAI 2023, arXiv 2304.10255.
    """
    counts = Counter(name for trial in trials for name in trial.params)
    judged = [name for name, count in counts.items() if count not in (1, len(trials) - 1)]
    evaluator = PedAnovaImportanceEvaluator(target_quantile=top_share(len(trials)))
    return get_param_importances(in_memory(trials), evaluator=evaluator, params=judged)


def top_share(count: int) -> float:
    """Return the share of so many trials called the best: a tenth, but no fewer than five trials.

    >>> top_share(100), top_share(20)
    (0.1, 0.25)
    """
    return max(_TOP, _MIN_TOP / count)


def in_memory(trials: Sequence[FrozenTrial]) -> optuna.Study:
    """Return a study of these trials that lies in no database, without a line in the log."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction="maximize")
    finally:
        optuna.logging.set_verbosity(before)
    study.add_trials(trials)
    return study
