"""Warm starts: a study tries first what was learned elsewhere, and stays with it while it helps.

The first candidates are those of the learned portfolio. With ``transfer``, part of the later ones
are drawn around them. That part is at most a half, and what was learned has to earn it anew in
every batch: a prior that does not help here costs its portfolio and little more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from optuna.trial import FrozenTrial

from qsched.errors import InputError
from qsched.spaces import Choice, Int, Parameter, SearchSpace, Value
from qsched.specs import StudySpec
from qsched.specs.heuristics import Heuristics
from qsched.study.dimensions import distributions
from qsched.study.sampling import Asked, ask

__all__ = ["PRIOR", "Warm", "ask_warm", "share_of_prior", "warm_start"]

PRIOR = "qsched:prior"
"""System attribute of candidates that come from what was learned."""

_SHARE = 0.5
_RECENT = 8
_WIDTH = 0.12
"""Standard deviation of the draws around a point, as a share of a parameter's range."""
_SWITCH = 0.1
"""How often another choice is made than that of the point."""


@dataclass(frozen=True)
class Warm:
    """What was learned, as points of a study's space, best first.

    Attributes:
        points: the portfolio.
        transfer: whether candidates are drawn around it afterwards.
    """

    points: tuple[dict[str, Value], ...] = ()
    transfer: bool = False


def warm_start(spec: StudySpec, space: SearchSpace, heuristics: Heuristics | None) -> Warm:
    """Return the warm start of a study.

    Learning rates of the portfolio are multiples of the task's. Schedules that are no points of
    the study's space are left out.

    Args:
        spec: the study.
        space: its space.
        heuristics: what was learned; may be None for ``warm_start: none``.

    Raises:
        InputError: no learned schedule is a point of the space.
    """
    if spec.warm_start == "none" or heuristics is None:
        return Warm()
    learned = [each for found in heuristics.algorithms.values() for each in found.portfolio]
    center = spec.task.optimizer.learning_rate
    points = []
    for each in learned:
        multiple = each.schedule.learning_rate.initial
        point = space.encode(each.schedule.at_learning_rate(multiple * center))
        if point is not None:
            points.append(point)
    if not points:
        raise InputError(
            f"warm_start `{spec.warm_start}` needs learned schedules that are points of the space "
            f"`{spec.space}`, but none of {len(learned)} is; use another space, or "
            "`warm_start: none`"
        )
    return Warm(tuple(points), spec.warm_start == "transfer")


def ask_warm(
    space: SearchSpace,
    spec: StudySpec,
    history: Sequence[FrozenTrial],
    count: int,
    *,
    batch: int,
    warm: Warm,
    pending: Sequence[Asked] = (),
) -> Iterator[Asked]:
    """Yield ``count`` candidates: the portfolio, then draws around it and the sampler's.

    A pure function of its arguments, as :func:`~qsched.study.sampling.ask` is.

    Args:
        space: the search space.
        spec: the study: its sampler and its seed.
        history: finished trials, in order.
        count: how many candidates.
        batch: number of the batch.
        warm: what was learned.
        pending: candidates between ``history`` and this batch, whose results are not known yet.
    """
    tried = len(pending) + sum(t.user_attrs.get("kind") == "candidate" for t in history)
    first = warm.points[tried : tried + count]
    yield from (_asked(space, point) for point in first)
    left = count - len(first)
    # A batch with untried points of the portfolio does not know yet whether they help.
    if warm.transfer and not first:
        rng = np.random.default_rng(np.random.SeedSequence([spec.seed, batch, len(PRIOR)]))
        near = int(rng.binomial(left, share_of_prior(history)))
        yield from (_asked(space, _around(space, history, rng)) for _ in range(near))
        left -= near
    if left:
        yield from ask(
            space, spec.sampler, history, left, seed=spec.seed, batch=batch, pending=pending
        )


def share_of_prior(history: Sequence[FrozenTrial]) -> float:
    """Return the share of candidates to be drawn around what was learned, 0 to 1/2.

    Half of it is how many of the last eight that came from there beat the median of all others;
    it is 0 once none does, and stays so.
    """
    prior = [t.value for t in history if t.system_attrs.get(PRIOR) and t.value is not None]
    others = [t.value for t in history if not t.system_attrs.get(PRIOR) and t.value is not None]
    if not prior:
        return 0.0
    bar = np.median(others) if others else -np.inf
    return float(_SHARE * np.mean(np.asarray(prior[-_RECENT:]) > bar))


def _around(
    space: SearchSpace, history: Sequence[FrozenTrial], rng: np.random.Generator
) -> dict[str, Value]:
    """Return a point near one of the learned ones; better ones are drawn around more often."""
    prior = [t for t in history if t.system_attrs.get(PRIOR) and t.value is not None]
    ranked = sorted(prior, key=lambda t: -(t.value or 0.0))
    center: Mapping[str, Value] = ranked[min(int(rng.geometric(0.5)) - 1, len(ranked) - 1)].params

    def near(name: str, parameter: Parameter) -> Value:
        known = center.get(name)
        if known is None:
            return parameter.draw(rng)
        if isinstance(parameter, Choice):
            return parameter.draw(rng) if rng.random() < _SWITCH else known
        log = not isinstance(parameter, Int) and parameter.log
        low, high, middle = (
            float(np.log(edge) if log else edge)
            for edge in (parameter.low, parameter.high, float(known))
        )
        moved = float(np.clip(rng.normal(middle, _WIDTH * (high - low)), low, high))
        if isinstance(parameter, Int):
            return round(moved)
        return float(np.clip(np.exp(moved) if log else moved, parameter.low, parameter.high))

    return space.suggest(near)


def _asked(space: SearchSpace, point: Mapping[str, Value]) -> Asked:
    params = dict(point)
    return Asked(params, distributions(space, params), {PRIOR: True})
