"""Symbolic rules: small formulas of task features, scored by the regret they leave."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from qsched.learning.analysis.formulas import Form, Formula, evaluate

__all__ = ["Responses", "Rule", "fit_rule"]

_STEPS = 9
_STEEPEST = 3.0
"""Largest exponent: beyond, a formula says nothing of tasks between those it has seen."""
_LEAST_RANGE = 0.4
"""Features whose logarithm varies by less are not used."""
_PENALTY = 0.002
"""What a node costs, as a share of the spread of losses over the grid."""


@dataclass(frozen=True, eq=False)
class Responses:
    """What every value of one parameter costs on every task, all else equal.

    Attributes:
        values: G values of the parameter, increasing, at least two.
        losses: [T, G]; between two values a loss is interpolated, outside it is that of the end.
        log: whether the parameter is one of scale (its values are > 0).
    """

    values: np.ndarray
    losses: np.ndarray
    log: bool = False

    def at(self, values: np.ndarray) -> np.ndarray:
        """Return the loss of every task at its own value, for N proposals: [N, T] -> [N, T]."""
        scale = np.log if self.log else np.asarray
        grid = scale(self.values)
        wanted = scale(np.clip(values, self.values[0], self.values[-1]))
        rows = [np.interp(wanted[:, t], grid, row) for t, row in enumerate(self.losses)]
        return np.stack(rows, axis=1)


@dataclass(frozen=True)
class Rule:
    """A formula and what it leaves.

    Attributes:
        formula: the formula.
        loss: mean loss over the tasks it was fitted to.
        held_out: mean loss over tasks of data sets that were left out when it was fitted.
        constant: the same of the best constant.
    """

    formula: Formula
    loss: float
    held_out: float
    constant: float


def fit_rule(
    responses: Responses,
    features: Mapping[str, np.ndarray],
    groups: Sequence[str],
    forms: Sequence[Form] = ("constant", "power", "log", "min", "max", "product"),
    current: float | None = None,
) -> Rule:
    """Return the formula of least loss, a longer one only where it holds on data left out.

    All forms over all features are enumerated, their numbers over a grid of what the formula gives
    at the ends of the features' ranges, then polished (Nelder and Mead). A formula replaces the
    constant (or the current value) only if, fitted without each group in turn, it loses less on
    what was left out by more than one standard error over tasks.

    Args:
        responses: what values of the parameter cost.
        features: feature -> its values over tasks, [T], > 0. Constant features are not used.
        groups: of each task, what is left out together (its data set).
        forms: which forms are tried.
        current: the value in use, which stays unless something is better; None is none.

    Reference:
        Gijsbers et al., Meta-learning for symbolic hyperparameter defaults, GECCO 2021,
        arXiv 2106.05767.
    """
    names = [name for name, column in features.items() if np.ptp(np.log(column)) > _LEAST_RANGE]
    logs = {name: np.log(np.asarray(features[name], dtype=float)) for name in names}
    shapes: list[tuple[Form, tuple[str, ...]]] = [("constant", ())]
    for form in forms:
        for chosen in itertools.combinations(names, 2 if form == "product" else 1):
            if form != "constant":
                shapes.append((form, chosen))
    everything = np.arange(len(groups))
    fitted = [_fit(form, chosen, responses, logs, everything) for form, chosen in shapes]
    plain, before = fitted[0][0], _held_out(*shapes[0], responses, logs, groups)
    if current is not None:
        stays = Formula("constant", (), (current,))
        kept = _losses("constant", np.array([[current]]), responses, logs, ())[0]
        if not _better(before, kept):
            plain, before = stays, kept
    spread = float(responses.losses.mean(axis=0).max() - responses.losses.mean(axis=0).min())
    cost = [loss + _PENALTY * spread * formula.nodes for formula, loss in fitted]
    best = int(np.argmin(cost))
    held = _held_out(*shapes[best], responses, logs, groups)
    constant = float(before.mean())
    if best and _better(held, before):
        return Rule(fitted[best][0], fitted[best][1], float(held.mean()), constant)
    loss = _losses("constant", np.array([plain.numbers]), responses, logs, ())[0]
    return Rule(plain, float(loss.mean()), constant, constant)


def _better(new: np.ndarray, old: np.ndarray) -> bool:
    """Return whether losses are lower by more than one standard error over tasks."""
    gain = old - new
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    return bool(gain.mean() > error)


def _held_out(
    form: Form,
    chosen: tuple[str, ...],
    responses: Responses,
    logs: Mapping[str, np.ndarray],
    groups: Sequence[str],
) -> np.ndarray:
    """Return every task's loss under the formula fitted without its group, [T]."""
    names = np.asarray(groups, dtype=str)
    result = np.empty(len(names))
    for group in np.unique(names):
        inside = np.flatnonzero(names != group)
        outside = np.flatnonzero(names == group)
        if not inside.size:
            inside = outside
        formula, _ = _fit(form, chosen, responses, logs, inside)
        found = _losses(formula.form, np.array([formula.numbers]), responses, logs, chosen)
        result[outside] = found[0, outside]
    return result


def _fit(
    form: Form,
    chosen: tuple[str, ...],
    responses: Responses,
    logs: Mapping[str, np.ndarray],
    tasks: np.ndarray,
) -> tuple[Formula, float]:
    starts = _starts(form, responses, [logs[name][tasks] for name in chosen])
    part = Responses(responses.values, responses.losses[tasks], responses.log)
    known = {name: logs[name][tasks] for name in chosen}
    means = _losses(form, starts, part, known, chosen).mean(axis=1)
    first = starts[int(means.argmin())]
    least = float(means.min())
    if form != "constant":
        polished = minimize(
            lambda x: _losses(form, x[None], part, known, chosen).mean(),
            first,
            method="Nelder-Mead",
            options={"maxfev": 150, "xatol": 1e-3, "fatol": 1e-6},
        )
        if polished.fun < least:
            first, least = polished.x, float(polished.fun)
    return Formula(form, chosen, tuple(float(v) for v in first)), least


def _losses(
    form: Form,
    numbers: np.ndarray,
    responses: Responses,
    logs: Mapping[str, np.ndarray],
    chosen: tuple[str, ...],
) -> np.ndarray:
    """Return the loss of every task under N formulas, [N, T]."""
    count = responses.losses.shape[0]
    columns = np.stack([logs[name] for name in chosen], 1) if chosen else np.zeros((count, 0))
    return responses.at(evaluate(form, numbers, columns))


def _starts(form: Form, responses: Responses, logs: Sequence[np.ndarray]) -> np.ndarray:
    """Return numbers of formulas that span the grid of values at the ends of the features."""
    ends = responses.values[[0, -1]]
    if form == "constant":
        return _grid(responses, 4 * _STEPS + 1)[:, None]
    values = _grid(responses, _STEPS)
    low, high = (float(f(logs[0])) for f in (np.min, np.max))
    width = max(high - low, 1e-9)
    at_low, at_high = (g.ravel() for g in np.meshgrid(values, values))
    if form == "log":
        slope = (at_high - at_low) / width
        return np.stack([at_low - slope * low, slope], axis=1)
    keep = (at_low > 0) & (at_high > 0)
    if not keep.any():
        return np.tile([max(float(ends[1]), 1e-6), 0.0, float(ends[1])], (1, 1))[:, : _size(form)]
    slope = np.log(at_high[keep] / at_low[keep]) / width
    gentle = np.abs(slope) <= _STEEPEST
    slope = slope[gentle]
    scale = at_low[keep][gentle] * np.exp(-slope * low)
    base = np.stack([scale, slope], axis=1)
    if form == "power":
        return base
    if form == "product":
        others = np.linspace(-1, 1, 7)
        moved = [
            np.column_stack([base[:, 0] * np.exp(-d * logs[1].mean()), base[:, 1], 0 * slope + d])
            for d in others
        ]
        return np.concatenate(moved)
    return np.concatenate([np.column_stack([base, 0 * slope + edge]) for edge in values])


def _size(form: Form) -> int:
    return 2 if form == "power" else 3


def _grid(responses: Responses, count: int) -> np.ndarray:
    low, high = float(responses.values[0]), float(responses.values[-1])
    spaced = np.geomspace if responses.log else np.linspace
    grid: np.ndarray = spaced(low, high, count)
    return grid
