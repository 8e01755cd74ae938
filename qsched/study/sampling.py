"""Optuna's samplers behind one pure function: history in, candidates out.

A batch is asked from a fresh in-memory study that holds the finished trials, with a sampler seeded
by study seed and batch. So what is asked depends on nothing but the history, an interrupted study
asks again for what it had asked, and no query runs while a sampler thinks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from qsched.spaces import Choice, Float, Int, Parameter, SearchSpace, Value
from qsched.specs import SamplerSpec

__all__ = ["Asked", "ask", "distributions"]


@dataclass(frozen=True)
class Asked:
    """A candidate as the sampler gave it."""

    params: dict[str, Value]
    distributions: dict[str, BaseDistribution]
    system_attrs: dict[str, Any]


def ask(
    space: SearchSpace,
    spec: SamplerSpec,
    history: Sequence[FrozenTrial],
    count: int,
    *,
    seed: int,
    batch: int,
) -> list[Asked]:
    """Ask for ``count`` candidates.

    Args:
        space: the search space.
        spec: which sampler.
        history: all finished trials before this batch, in order.
        count: how many candidates.
        seed: of the study.
        batch: number of the batch.
    """
    candidates = [t for t in history if t.user_attrs.get("kind") == "candidate"]
    startup = len(history) - len(candidates) + spec.startup
    with warnings.catch_warnings():
        # Grouped TPE and QMC are what conditional parameters need; both are long in use.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = _SAMPLERS[spec.name](seed, batch, startup)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    if spec.name == "qmc":
        _fast_forward(study, space, len(candidates))
    else:
        study.add_trials(history)
    trials = [study.ask() for _ in range(count)]
    for trial in trials:
        space.suggest(_suggest(trial))
    numbers = [trial.number for trial in trials]
    asked = [study.get_trials(deepcopy=False)[number] for number in numbers]
    return [Asked(t.params, t.distributions, t.system_attrs) for t in asked]


def distributions(space: SearchSpace, params: dict[str, Value]) -> dict[str, BaseDistribution]:
    """Return Optuna's distributions of the parameters in ``params``."""
    return {name: _distribution(space.parameters[name]) for name in params}


def _suggest(trial: optuna.Trial) -> Callable[[str, Parameter], Value]:
    def suggest(name: str, parameter: Parameter) -> Value:
        match parameter:
            case Float():
                return trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)
            case Int():
                return trial.suggest_int(name, parameter.low, parameter.high)
            case Choice():
                value: Value = trial.suggest_categorical(name, parameter.choices)
                return value

    return suggest


def _distribution(parameter: Parameter) -> BaseDistribution:
    match parameter:
        case Float():
            return FloatDistribution(parameter.low, parameter.high, log=parameter.log)
        case Int():
            return IntDistribution(parameter.low, parameter.high)
        case Choice():
            return CategoricalDistribution(parameter.choices)


def _stream(seed: int, batch: int) -> int:
    """Return the seed of a batch's sampler."""
    return int(np.random.SeedSequence([seed, batch]).generate_state(1)[0])


def _fast_forward(study: optuna.Study, space: SearchSpace, asked: int) -> None:
    """Tell the sampler all parameters, then skip what earlier batches have asked."""
    rng = np.random.default_rng(0)
    example: dict[str, Value] = {}
    while set(example) != set(space.parameters):
        example = {**space.random(rng), **example}
    known = distributions(space, example)
    study.add_trial(create_trial(params=example, distributions=known, value=0.0))
    for _ in range(asked):
        study.tell(study.ask(known), state=TrialState.FAIL)


def _tpe(seed: int, batch: int, startup: int) -> BaseSampler:
    return optuna.samplers.TPESampler(
        seed=_stream(seed, batch),
        n_startup_trials=startup,
        multivariate=True,
        group=True,
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
