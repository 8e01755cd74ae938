"""What the lines of claims compare: differences by task and seed, or two amounts by task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from qsched.learning.analysis.algorithms import Algorithm
from qsched.learning.claims.evidence import Evidence, Seeds
from qsched.learning.claims.factorial import cells, order_share, reverse_difference
from qsched.learning.claims.searches import trials

__all__ = ["MEASURES", "Measure", "Measured", "part_measure"]

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Measured:
    """What was found, by task.

    Attributes:
        values: differences by seed, or amounts; a task without runs is left out.
        others: the amounts that ``values`` are divided by, for ratios.
        missing: tasks without the runs that it takes.
    """

    values: Arrays
    others: Arrays = field(default_factory=dict)
    missing: tuple[str, ...] = ()


Measure = Callable[[Evidence, Sequence[str]], Measured]
Get = Callable[[Evidence, str], Seeds]


def _learned(kind: str, algorithm: Algorithm = "ana", length: float = 1.0) -> Get:
    def get(evidence: Evidence, task: str) -> Seeds:
        name = evidence.arm(kind, algorithm, left_out=evidence.dataset(task))
        return evidence.report(task, name, length)

    return get


def _on_task(kind: str, algorithm: Algorithm = "ana") -> Get:
    return lambda evidence, task: evidence.report(task, evidence.arm(kind, algorithm, group=task))


def _rival(kind: str, algorithm: Algorithm = "ana", length: float = 1.0) -> Get:
    return lambda evidence, task: evidence.best(task, algorithm, [kind], length)


def _difference(one: Get, other: Get) -> Measure:
    """Return the measure of paired differences ``one - other``."""

    def measure(evidence: Evidence, tasks: Sequence[str]) -> Measured:
        values, missing = {}, []
        for task in tasks:
            a, b = one(evidence, task), other(evidence, task)
            common = sorted(a.keys() & b.keys())
            if common:
                values[task] = np.array([a[s] - b[s] for s in common])
            else:
                missing.append(task)
        return Measured(values, missing=tuple(missing))

    return measure


def _ratio(above: Measure, below: Measure) -> Measure:
    """Return the measure of two amounts; their means over tasks are divided."""

    def measure(evidence: Evidence, tasks: Sequence[str]) -> Measured:
        a, b = above(evidence, tasks), below(evidence, tasks)
        both = [task for task in tasks if task in a.values and task in b.values]
        missing = tuple(task for task in tasks if task not in both)
        return Measured(
            {task: a.values[task] for task in both},
            {task: b.values[task] for task in both},
            missing,
        )

    return measure


def _amounts(get: Callable[[Evidence, str], float | None]) -> Measure:
    def measure(evidence: Evidence, tasks: Sequence[str]) -> Measured:
        found = {task: get(evidence, task) for task in tasks}
        known = {task: np.array([v]) for task, v in found.items() if v is not None}
        return Measured(known, missing=tuple(task for task in tasks if task not in known))

    return measure


def _searches(kind: str) -> Measure:
    def measure(evidence: Evidence, tasks: Sequence[str]) -> Measured:
        found = {task: trials(evidence, task, kind) for task in tasks}
        known = {task: np.array(counts, dtype=float) for task, counts in found.items() if counts}
        return Measured(known, missing=tuple(task for task in tasks if task not in known))

    return measure


def _family(evidence: Evidence, task: str) -> Seeds:
    return evidence.best(task, "ana", ["family"])


def _reversed(noise: str) -> Measure:
    def measure(evidence: Evidence, tasks: Sequence[str]) -> Measured:
        found = {task: reverse_difference(evidence, task, noise) for task in tasks}
        known = {task: seeds for task, seeds in found.items() if seeds.size}
        return Measured(known, missing=tuple(task for task in tasks if task not in known))

    return measure


_LEARNED, _HAND, _STATIC = _learned("learned"), _rival("hand-coded"), _rival("static")

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "learned-hand": _difference(_LEARNED, _HAND),
        "learned-static": _difference(_LEARNED, _STATIC),
        "learned-tuned-static": _difference(_learned("learned tuned"), _STATIC),
        "learned-family": _difference(_LEARNED, _family),
        "trials-warm": _searches("warm"),
        "trials-cold-warm": _ratio(_searches("cold"), _searches("warm")),
        "half-hand": _difference(_learned("learned tuned", length=1 / 2), _HAND),
        "third-tied": _difference(
            _learned("learned tuned", length=1 / 3),
            lambda evidence, task: evidence.best_tied(task),
        ),
        "half-half": _difference(
            _learned("learned tuned", length=1 / 2), _rival("hand-coded", length=1 / 2)
        ),
        "tied-sync-family": _ratio(
            _amounts(lambda e, t: order_share(cells(e, t, "tied"), axis=0)),
            _amounts(lambda e, t: order_share(cells(e, t, "tied"), axis=1)),
        ),
        "live-sync": _amounts(
            lambda e, t: order_share(cells(e, t, "live"), axis=0, total=cells(e, t, "tied"))
        ),
        "reverse-tied": _reversed("tied"),
        "reverse-live": _reversed("live"),
        "inq-sync-partition": _ratio(
            _amounts(lambda e, t: order_share(cells(e, t, "inq"), axis=0)),
            _amounts(lambda e, t: order_share(cells(e, t, "inq"), axis=1)),
        ),
        "rules-learned": _ratio(
            _difference(_on_task("rules"), _HAND), _difference(_LEARNED, _HAND)
        ),
        "rules-shuffled": _difference(_on_task("rules"), _on_task("shuffled rules")),
        "cross-inq": _difference(_rival("transfer", "inq"), _rival("hand-coded", "inq")),
        "cross-ana": _difference(_rival("transfer", "ana"), _rival("hand-coded", "ana")),
        "learned-static-inq": _difference(_learned("learned", "inq"), _rival("static", "inq")),
        "learned-hand-inq": _difference(_learned("learned", "inq"), _rival("hand-coded", "inq")),
    }
)
"""Measure by name. Accuracies are of the test set, but for trials, which searches count."""


def part_measure(algorithm: Algorithm, part: str) -> Measure:
    """Return what a rule gains: all rules minus all but the one of ``part``."""
    without = _on_task(f"rules without {part}", algorithm)
    return _difference(_on_task("rules", algorithm), without)
