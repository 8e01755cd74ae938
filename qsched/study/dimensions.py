"""A search space in Optuna's terms: as databases keep it, and as samplers see it."""

from __future__ import annotations

from collections.abc import Iterable

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from qsched.spaces import Choice, Float, Int, Parameter, SearchSpace

__all__ = ["dimensions", "distributions"]


def distributions(space: SearchSpace, params: Iterable[str]) -> dict[str, BaseDistribution]:
    """Return Optuna's distributions of the parameters in ``params``."""
    kinds = FloatDistribution, IntDistribution, CategoricalDistribution
    return {name: _distribution(space.parameters[name], *kinds) for name in params}


def dimensions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the distributions of all parameters for use in memory.

    They mean what :func:`distributions` means, and take less time where all trials share them: TPE
    compares and converts thousands of values for one candidate. No database should see them: it
    keeps the names of their classes.
    """
    kinds = _Float, _Int, _Choice
    return {name: _distribution(each, *kinds) for name, each in space.parameters.items()}


def _distribution(
    parameter: Parameter,
    real: type[FloatDistribution],
    whole: type[IntDistribution],
    choice: type[CategoricalDistribution],
) -> BaseDistribution:
    match parameter:
        case Float():
            return real(parameter.low, parameter.high, log=parameter.log)
        case Int():
            return whole(parameter.low, parameter.high)
        case Choice():
            return choice(parameter.choices)


class _Shared(BaseDistribution):
    """Equal to itself without a look."""

    def __eq__(self, other: object) -> bool:
        return self is other or super().__eq__(other)

    __hash__ = BaseDistribution.__hash__


class _Float(_Shared, FloatDistribution):
    def to_internal_repr(self, param_value_in_external_repr: float) -> float:
        return float(param_value_in_external_repr)  # Trials were checked when they were made.


class _Int(_Shared, IntDistribution):
    pass


class _Choice(_Shared, CategoricalDistribution):
    pass
