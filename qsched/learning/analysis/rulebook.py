"""From a learned default to rules: its parts by what they gain, their numbers as formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qsched.learning.analysis.ablation import ablation_path
from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.analysis.defaults import Learned, candidates, core_tasks
from qsched.learning.analysis.features import FEATURES, TaskFeatures
from qsched.learning.analysis.formulas import Form
from qsched.learning.analysis.parts import exchanged
from qsched.learning.analysis.rules import Responses, Rule, fit_rule
from qsched.learning.analysis.surfaces import Surface
from qsched.learning.analysis.variants import Variants, variants
from qsched.learning.bench.data import Bench, Tasks
from qsched.schedules import Schedule
from qsched.spaces import Choice, Float, SearchSpace, Value, load_space

__all__ = ["MOST_RULES", "PartRule", "Rulebook", "apply_rules", "make_rulebook", "table_features"]

MOST_RULES = 7
"""A page holds no more."""

_GRID = 9
_FORMS: tuple[Form, ...] = ("constant", "power", "log", "min", "max")
"""One feature a formula: tasks are too few to tell how two of them work together."""
_PARAMETERS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ana": {
        "backward noise": ("backward_std", "floor"),
        "forward noise": ("forward_std",),
        "end": ("start", "end"),
        "order of layers": ("offset_start", "offset_end"),
        "lag": ("lag_activations", "lag_backward"),
        "decay shape": ("exponent", "rate"),
        "learning rate": ("learning_rate",),
    },
    "inq": {
        "activations": ("activation_std",),
        "window": ("start", "end"),
        "order of layers": ("offset_start", "offset_end"),
        "stages": ("exponent",),
        "learning rate": ("learning_rate",),
    },
}
"""Algorithm -> part -> parameters of the space whose values may be formulas."""


@dataclass(frozen=True)
class PartRule:
    """One part of the default, as a rule.

    Attributes:
        part: the part.
        formulas: parameter -> fitted formula; other values are those of the default.
        gain: what exchanging the part gains on the surfaces, in accuracy, by task.
    """

    part: str
    formulas: dict[str, Rule]
    gain: tuple[float, ...]


@dataclass(frozen=True)
class Rulebook:
    """Rules: what to change of a plain hand-coded schedule.

    Attributes:
        algorithm: of the schedules.
        base: the hand-coded schedule that is best on average.
        base_name: its name.
        default: the learned default, as a point of the space; None where it is none.
        goal: its schedule.
        rules: in the order of what they gain.
        tasks: names of the tasks behind them.
    """

    algorithm: Algorithm
    base: Schedule
    base_name: str
    default: dict[str, Value] | None
    goal: Schedule
    rules: tuple[PartRule, ...]
    tasks: tuple[str, ...]


def make_rulebook(
    bench: Bench,
    algorithm: Algorithm,
    learned: Learned,
    left_out: str | None = None,
    *,
    shuffled: bool = False,
) -> Rulebook:
    """Return the rules of a learned default.

    Scores come from one response surface a task, fitted to all that was trained there.

    Args:
        bench: tasks, arms and runs.
        algorithm: of the schedules.
        learned: the default.
        left_out: data set whose tasks do not count; None is none.
        shuffled: give each task the features of another one: a control.
    """
    space = load_space(algorithm)
    table = variants(bench, algorithm)
    keep = core_tasks(bench, table, left_out)
    seen = table_features(bench.tasks.where(keep))
    if shuffled:
        # Of the tasks that count alone, so that others may be added without changing the control.
        seen = [seen[i] for i in np.random.default_rng(0).permutation(len(seen))]
    table = table.on(keep)
    surfaces = _surfaces(bench, space, table, candidates(bench, table, left_out))
    base_name, base = _best_hand_coded(bench, table)
    point = space.encode(learned.schedule)
    order = _by_gain(space, surfaces, base, learned.schedule)
    rules = []
    for part, gain in order:
        formulas = _formulas(algorithm, space, surfaces, point, part, seen, table.datasets)
        rules.append(PartRule(part, formulas, tuple(gain.tolist())))
    helpful = [rule for rule in rules if np.mean(rule.gain) > 0]
    rate = next((r for r in helpful if r.part == "learning rate"), None)
    if rate is None:
        formulas = _formulas(
            algorithm, space, surfaces, point, "learning rate", seen, table.datasets
        )
        rate = PartRule("learning rate", formulas, (0.0,) * len(seen))
    parts = [rule for rule in helpful if rule.part != "learning rate"][: MOST_RULES - 1]
    names = tuple(map(str, table.tasks))
    return Rulebook(algorithm, base, base_name, point, learned.schedule, (*parts, rate), names)


def apply_rules(book: Rulebook, features: TaskFeatures, without: str | None = None) -> Schedule:
    """Return the schedule that the rules give for a task.

    Args:
        book: the rules.
        features: of the task.
        without: a part whose rule is left out: it stays as in the hand-coded schedule.
    """
    space = load_space(book.algorithm)
    values = {name: float(getattr(features, name)) for name in FEATURES}
    wanted = book.goal
    if book.default is not None:
        point = dict(book.default)
        for rule in book.rules:
            for name, fitted in rule.formulas.items():
                parameter = space.parameters[name]
                assert not isinstance(parameter, Choice)
                point[name] = parameter.clip(fitted.formula.value(values))
        wanted = space.decode(point)
    parts = [rule.part for rule in book.rules if rule.part != without]
    made = exchanged(book.base, wanted, parts)
    # Without a learned rate, that of the default's search: the plain one was made for other tasks.
    return made.at_learning_rate(wanted.learning_rate.initial)


def table_features(tasks: Tasks) -> list[TaskFeatures]:
    """Return the features of the tasks of a table."""
    return [
        TaskFeatures(
            depth=float(tasks.depth[i]),
            steps=float(tasks.steps[i]),
            levels=float(tasks.levels[i]),
            fan_in=float(tasks.fan_in[i]),
            batch_size=float(tasks.batch_size[i]),
            noise_to_step=float(1 / np.sqrt(3 * tasks.fan_in[i])),
        )
        for i in range(len(tasks))
    ]


def _surfaces(
    bench: Bench, space: SearchSpace, table: Variants, allowed: np.ndarray
) -> list[Surface]:
    columns = np.flatnonzero(allowed)
    points = _points(bench, space, table, columns)
    fits = np.array([p is not None for p in points], dtype=bool)
    found = []
    for row in table.mean[:, columns]:
        use = np.flatnonzero(fits & np.isfinite(row))
        found.append(Surface(space, [points[i] or {} for i in use], row[use].tolist()))
    return found


def _points(
    bench: Bench, space: SearchSpace, table: Variants, columns: np.ndarray
) -> list[dict[str, Value] | None]:
    """Return the variants as points of the space; those that were drawn in it know theirs."""
    known = dict(zip(bench.arms.name, bench.arms.points(), strict=True))
    points: list[dict[str, Value] | None] = []
    for column in columns:
        point = known[table.names[column]]
        if point.get("learning_rate") == table.rates[column]:
            points.append(point)
        else:
            points.append(space.encode(table.schedule(bench.arms, int(column))))
    return points


def _best_hand_coded(bench: Bench, table: Variants) -> tuple[str, Schedule]:
    """Return the hand-coded arm of the best mean, each at its best learning rate on each task."""
    kinds = dict(zip(bench.arms.name, bench.arms.kind, strict=True))
    names = sorted({str(n) for n in table.names if kinds[n] == "hand-coded"})
    tuned = np.stack(
        [np.max(np.nan_to_num(table.mean[:, table.names == n]), axis=1) for n in names]
    )
    best = names[int(tuned.mean(axis=1).argmax())]
    return best, bench.arms.arm(best)


def _by_gain(
    space: SearchSpace, surfaces: Sequence[Surface], base: Schedule, goal: Schedule
) -> list[tuple[str, np.ndarray]]:
    """Return the parts on the way from base to goal, and their gains on the surfaces."""
    rate = goal.learning_rate.initial

    def measure(schedules: Sequence[Schedule]) -> np.ndarray:
        points = [space.encode(s.at_learning_rate(rate)) for s in schedules]
        rows = np.full((len(points), len(surfaces)), -1.0)
        legal = [i for i, p in enumerate(points) if p is not None]
        for t, surface in enumerate(surfaces):
            if legal:
                rows[legal, t] = surface.predict([points[i] or {} for i in legal])
        return rows

    steps = ablation_path(base, goal, measure)
    # Steps through points that the space does not have say nothing of their own part.
    return [(s.part, np.where(np.abs(s.gains) > 0.9, 0.0, s.gains)) for s in steps]


def _formulas(
    algorithm: Algorithm,
    space: SearchSpace,
    surfaces: Sequence[Surface],
    point: dict[str, Value] | None,
    part: str,
    features: Sequence[TaskFeatures],
    datasets: np.ndarray,
) -> dict[str, Rule]:
    """Return the formulas of the numbers of a part, around the default."""
    if point is None:
        return {}
    columns = {
        name: np.array([float(getattr(each, name)) for each in features])
        for name in FEATURES
        if name != "noise_to_step"  # Of bundled networks it is a function of the fan-in.
    }
    return {
        name: fit_rule(
            _responses(space, surfaces, point, name),
            columns,
            list(datasets),
            _FORMS,
            current=float(point[name]),
        )
        for name in _PARAMETERS[algorithm].get(part, ())
        if name in point
    }


def _responses(
    space: SearchSpace, surfaces: Sequence[Surface], point: dict[str, Value], name: str
) -> Responses:
    parameter = space.parameters[name]
    assert not isinstance(parameter, Choice)
    values = parameter.grid(_GRID)
    points = [{**point, name: float(value)} for value in values]
    predicted = np.stack([surface.predict(points) for surface in surfaces])
    log = isinstance(parameter, Float) and parameter.log
    loss = predicted.max(axis=1, keepdims=True) - predicted
    return Responses(np.array(values, dtype=float), loss, log)
