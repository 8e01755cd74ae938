"""Which parameters of a space matter: over the whole design, and among its best points."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, create_trial

from qsched.spaces import Choice, Float, Int, Parameter, SearchSpace, Value
from qsched.study.dimensions import distributions
from qsched.study.importance import in_memory, ped_anova

__all__ = ["Importance", "importance", "over_tasks"]

_TREES = 24
_MOST = 128
"""So many points count at the most: the first ones of a longer design are spread evenly, too."""


@dataclass(frozen=True)
class Importance:
    """Shares of importance of one parameter; each kind sums to 1 over parameters.

    ``low`` and ``high`` bound 90 % of a bootstrap over tasks.
    """

    parameter: str
    design: float
    design_interval: tuple[float, float]
    best: float
    best_interval: tuple[float, float]


def importance(
    space: SearchSpace, points: Sequence[Mapping[str, Value]], values: Sequence[float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the importance of every parameter on one task: on the design, and among the best.

    On the design it is the share of variance by fANOVA, where a parameter that a point does not
    have counts as the middle of its range. Among the best tenth it is PED-ANOVA's: how far their
    distribution is from that of the design, among the points that have the parameter.

    Args:
        space: the space.
        points: of a design that is spread evenly, not of a search (which biases fANOVA).
        values: what each point scores, larger is better.

    Returns:
        Two mappings from parameter to share. Empty where all points score the same.

    Reference:
        Hutter, Hoos, Leyton-Brown, An efficient approach for assessing hyperparameter importance,
        ICML 2014. Watanabe, Bansal, Hutter, PED-ANOVA, IJCAI 2023, arXiv 2304.10255.
    """
    points, values = points[:_MOST], values[:_MOST]
    if len(points) < 4 or np.ptp(values) == 0:
        return {}, {}
    filled = [{**_middle(space), **point} for point in points]
    study, names = in_memory(_trials(space, filled, values)), list(space.parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        design = FanovaImportanceEvaluator(n_trees=_TREES, max_depth=16, seed=0)
        explained = get_param_importances(study, evaluator=design, params=names)
        return explained, ped_anova(_trials(space, points, values))


def over_tasks(
    by_task: Sequence[tuple[Mapping[str, float], Mapping[str, float]]], seed: int = 0
) -> list[Importance]:
    """Return means over tasks with bootstrap intervals over tasks, most important first.

    Tasks without importances (nothing differed) are left out.
    """
    pairs = [(design, best) for design, best in by_task if design and best]
    if not pairs:
        return []
    names = sorted({name for design, _ in pairs for name in design})
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(pairs), size=(1000, len(pairs)))
    columns = []
    for side in (0, 1):
        table = np.array([[pair[side].get(name, 0.0) for name in names] for pair in pairs])
        spread = np.quantile(table[draws].mean(axis=1), [0.05, 0.95], axis=0)
        columns.append((table.mean(axis=0), spread))
    (design, around), (best, beside) = columns
    found = [
        Importance(
            name,
            float(design[i]),
            (float(around[0, i]), float(around[1, i])),
            float(best[i]),
            (float(beside[0, i]), float(beside[1, i])),
        )
        for i, name in enumerate(names)
    ]
    return sorted(found, key=lambda each: -each.design)


def _trials(
    space: SearchSpace, points: Sequence[Mapping[str, Value]], values: Sequence[float]
) -> list[FrozenTrial]:
    return [
        create_trial(
            params=dict(point), distributions=distributions(space, point), value=float(value)
        )
        for point, value in zip(points, values, strict=True)
    ]


def _middle(space: SearchSpace) -> dict[str, Value]:
    return {name: _center(parameter) for name, parameter in space.parameters.items()}


def _center(parameter: Parameter) -> Value:
    match parameter:
        case Float() if parameter.log:
            return math.sqrt(parameter.low * parameter.high)
        case Float():
            return (parameter.low + parameter.high) / 2
        case Int():
            return (parameter.low + parameter.high) // 2
        case Choice():
            return parameter.choices[0]
