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
    return {name: _distribution(space.parameters[name]) for name in params}


def dimensions(space: SearchSpace) -> dict[str, BaseDistribution]:
    """Return the distributions of all parameters for use in memory.

    They mean what :func:`distributions` means, and take less time where all trials share them: TPE
    compares and converts thousands of values for one candidate. No database should see them: it
    keeps the names of their classes.
    """
    return {name: _dimension(parameter) for name, parameter in space.parameters.items()}


def _distribution(parameter: Parameter) -> BaseDistribution:
    match parameter:
        case Float():
            return FloatDistribution(parameter.low, parameter.high, log=parameter.log)
        case Int():
            return IntDistribution(parameter.low, parameter.high)
        case Choice():
            return CategoricalDistribution(parameter.choices)


def _dimension(parameter: Parameter) -> BaseDistribution:
    match parameter:
        case Float():
            return _Float(parameter.low, parameter.high, log=parameter.log)
        case Int():
            return _Int(parameter.low, parameter.high)
        case Choice():
            return _Choice(parameter.choices)


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
