"""Optuna's samplers behind one pure function: history in, candidates out.

A batch is asked from a fresh in-memory study that holds the finished trials, with a sampler seeded
by study seed and batch. So what is asked depends on nothing but the history, an interrupted study
asks again for what it had asked, and no query runs while a sampler thinks. Candidates come one by
one, so that a study can do other things between them.

Samplers see all parameters in every trial: those that are not active get a random value, which
carries no information. So one model describes a trial, where groups of parameters that are active
together would each need their own, at several times the cost.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from qsched.schedules import Schedule
from qsched.spaces import SearchSpace, Value
from qsched.specs import SamplerSpec
from qsched.study.dimensions import dimensions, distributions

__all__ = ["Asked", "ask", "finished_trial"]

TPE_BEST = 50
"""So many of the best trials TPE sees of a long history: twice what it takes as its best."""
TPE_HISTORY = 300
"""So many trials TPE sees at the most."""


@dataclass(frozen=True)
class Asked:
    """A candidate as the sampler gave it.

    Attributes:
        params: the values of its active parameters; none if it is no point of the space.
        distributions: of these.
        system_attrs: the sampler's own.
        schedule: what it is, if it is no point of the space.
    """

    params: dict[str, Value]
    distributions: dict[str, BaseDistribution]
    system_attrs: dict[str, Any]
    schedule: Schedule | None = None


class _Known(FrozenTrial):
    """A finished trial; a study shares its contents, where copying takes longer than sampling."""

    def __deepcopy__(self, memo: object) -> Self:
        return copy.copy(self)


def ask(
    space: SearchSpace,
    spec: SamplerSpec,
    history: Sequence[FrozenTrial],
    count: int,
    *,
    seed: int,
    batch: int,
    pending: Sequence[Asked] = (),
) -> Iterator[Asked]:
    """Yield ``count`` candidates.

    Args:
        space: the search space.
        spec: which sampler.
        history: finished trials, in order.
        count: how many candidates.
        seed: of the study.
        batch: number of the batch.
        pending: candidates of the batches between ``history`` and this one, whose results are not
            known yet.
    """
    known = [trial for trial in history if trial.params]
    candidates = sum(trial.user_attrs.get("kind") == "candidate" for trial in known)
    startup = len(known) - candidates + spec.startup
    with warnings.catch_warnings():
        # QMC is long in use, and still marked as experimental.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = _SAMPLERS[spec.name](seed, batch, startup)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    shared = dimensions(space)
    if spec.name == "qmc":
        _fast_forward(study, space, shared, candidates + len(pending))
    else:
        seen = _informative(known) if spec.name == "tpe" else range(len(known))
        study.add_trials([_complete(known[i], i, space, shared) for i in seen])
        for number, asked in enumerate(pending, start=len(known)):
            study.add_trial(_complete(_running(asked), number, space, shared))
    for _ in range(count):
        number = study.ask(shared).number
        yield _asked(study.get_trials(deepcopy=False)[number], space)


def _asked(trial: FrozenTrial, space: SearchSpace) -> Asked:
    """Return a candidate with its active parameters alone."""
    params = space.suggest(lambda name, _: trial.params[name])
    return Asked(params, distributions(space, params), trial.system_attrs)


def finished_trial(asked: Asked, value: float) -> FrozenTrial:
    """Return a candidate with its value, as :func:`ask` takes it in a history of no study."""
    return create_trial(
        params=asked.params,
        distributions=asked.distributions,
        system_attrs=asked.system_attrs,
        value=value,
        user_attrs={"kind": "candidate"},
    )


def _running(asked: Asked) -> FrozenTrial:
    """Return a candidate without a result."""
    return create_trial(
        state=TrialState.RUNNING,
        params=asked.params,
        distributions=asked.distributions,
        system_attrs=asked.system_attrs,
    )


def _complete(
    trial: FrozenTrial,
    number: int,
    space: SearchSpace,
    shared: dict[str, BaseDistribution],
) -> FrozenTrial:
    """Return a trial with random values of the parameters that were not active in it."""
    rng = np.random.default_rng(number)
    drawn = {name: parameter.draw(rng) for name, parameter in space.parameters.items()}
    return _Known(
        number=number,
        trial_id=number,
        state=trial.state,
        value=trial.value,
        datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete,
        params={**drawn, **trial.params},
        distributions=shared,
        user_attrs={},
        system_attrs=trial.system_attrs,
        intermediate_values=trial.intermediate_values,
    )


def _informative(history: Sequence[FrozenTrial]) -> Sequence[int]:
    """Return the places of what TPE learns from: of a long history the best and some others.

    TPE contrasts the best tenth, 25 at most, with the rest; the density of the rest is known well
    enough from a few hundred, spread evenly over the history.
    """
    if len(history) <= TPE_HISTORY:
        return range(len(history))
    ranked = sorted(range(len(history)), key=lambda i: _rank(history[i]), reverse=True)
    best, rest = ranked[:TPE_BEST], sorted(ranked[TPE_BEST:])
    spread = np.linspace(0, len(rest) - 1, TPE_HISTORY - TPE_BEST).round().astype(int)
    return sorted([*best, *(rest[i] for i in spread)])


def _rank(trial: FrozenTrial) -> tuple[bool, int, float]:
    """Order trials as TPE does: finished ones by value, then by how far they came."""
    finished = trial.state == TrialState.COMPLETE
    last = max(trial.intermediate_values, default=-1)
    value = trial.value if finished else trial.intermediate_values.get(last)
    return finished, 0 if finished else last, -np.inf if value is None else value


def _stream(seed: int, batch: int) -> int:
    """Return the seed of a batch's sampler."""
    return int(np.random.SeedSequence([seed, batch]).generate_state(1)[0])


def _fast_forward(
    study: optuna.Study,
    space: SearchSpace,
    shared: dict[str, BaseDistribution],
    asked: int,
) -> None:
    """Tell the sampler all parameters, then skip what earlier batches have asked."""
    rng = np.random.default_rng(0)
    example = {name: parameter.draw(rng) for name, parameter in space.parameters.items()}
    study.add_trial(create_trial(params=example, distributions=shared, value=0.0))
    for _ in range(asked):
        study.tell(study.ask(shared), state=TrialState.FAIL)


def _tpe(seed: int, batch: int, startup: int) -> BaseSampler:
    return optuna.samplers.TPESampler(
        seed=_stream(seed, batch),
        n_startup_trials=startup,
        multivariate=True,
        constant_liar=True,
    )


def _random(seed: int, batch: int, startup: int) -> BaseSampler:
    return optuna.samplers.RandomSampler(seed=_stream(seed, batch))


def _qmc(seed: int, batch: int, startup: int) -> BaseSampler:
    # The sequence goes on in one scrambling from batch to batch; choices are drawn anew.
    return optuna.samplers.QMCSampler(
        seed=_stream(seed, 0),
        scramble=True,
        independent_sampler=_random(seed, batch, startup),
        warn_independent_sampling=False,
    )


def _gp(seed: int, batch: int, startup: int) -> BaseSampler:
    return optuna.samplers.GPSampler(seed=_stream(seed, batch), n_startup_trials=startup)


def _cmaes(seed: int, batch: int, startup: int) -> BaseSampler:
    return optuna.samplers.CmaEsSampler(
        seed=_stream(seed, batch), n_startup_trials=startup, warn_independent_sampling=False
    )


_SAMPLERS: dict[str, Callable[[int, int, int], BaseSampler]] = {
    "tpe": _tpe,
    "random": _random,
    "qmc": _qmc,
    "gp": _gp,
    "cmaes": _cmaes,
}
