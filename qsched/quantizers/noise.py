r"""The four families of noise, one table: what is known of a distribution of mean 0.

The parameter is always the **true standard deviation** :math:`\sigma`. Each family is written in
its own unit, ``width`` standard deviations long: with :math:`w = z / (c\,\sigma)`,

.. math::
    F(z) = \tfrac12 + S(w), \qquad f(z) = \frac{n\,b(w)}{c\,\sigma}

where the odd sigmoid S runs from -1/2 to 1/2, b is the bump, n its norm, and c the width:

=========== ==================== =========== ==================== ================ ===========
family      unit                 c           S(w)                 b(w)             n
=========== ==================== =========== ==================== ================ ===========
uniform     length of support    2 sqrt 3    clip(w, -1/2, 1/2)   1 on [-1/2, 1/2) 1
triangular  half its support     sqrt 6      v (1 - abs(v) / 2)   1 - abs(v)       1
normal      sqrt 2 deviations    sqrt 2      erf(w) / 2           exp(-w^2)        1 / sqrt pi
logistic    its scale            sqrt 3 / pi y - 1/2              y (1 - y)        1
=========== ==================== =========== ==================== ================ ===========

with v = clip(w, -1, 1) and y = 1 / (1 + exp(-w)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from qsched.errors import UnknownNameError
from qsched.levels import UNITS

__all__ = ["FAMILIES", "Family", "cdf", "noise_family", "pdf"]


@dataclass(frozen=True)
class Family:
    """A distribution in its own unit.

    Attributes:
        width: the unit, in standard deviations.
        norm: what makes the bump integrate to 1.
        reach: where the sigmoid is 1/2 exactly, in float64 as well.
        sigmoid: S(w), in place.
        bump: b(w), in place.
    """

    width: float
    norm: float
    reach: float
    sigmoid: Callable[[Tensor], Tensor]
    bump: Callable[[Tensor], Tensor]


def _uniform_sigmoid(w: Tensor) -> Tensor:
    return w.clamp_(-0.5, 0.5)


def _uniform_bump(w: Tensor) -> Tensor:
    # Half-open, so that windows that touch share no point: at x = 0 of a ternary stair the
    # gradient of clipped STE is 1, not 2. Comparisons in place are several times faster than
    # comparisons into booleans.
    beyond = torch.ge(w, 0.5, out=torch.empty_like(w))
    return w.ge_(-0.5).sub_(beyond)


def _triangular_sigmoid(w: Tensor) -> Tensor:
    w.clamp_(-1, 1)
    return w.addcmul_(w, w.abs(), value=-0.5)


def _triangular_bump(w: Tensor) -> Tensor:
    return w.abs_().clamp_(max=1).neg_().add_(1)


def _normal_sigmoid(w: Tensor) -> Tensor:
    return w.erf_().mul_(0.5)


def _normal_bump(w: Tensor) -> Tensor:
    # What is below 1e-35 is 0: subnormal numbers would cost a hundred times as much.
    w.square_().clamp_(max=81).neg_().exp_()
    return torch.threshold_(w, 1e-35, 0)


def _logistic_sigmoid(w: Tensor) -> Tensor:
    return w.sigmoid_().sub_(0.5)


def _logistic_bump(w: Tensor) -> Tensor:
    w.sigmoid_()
    return w.addcmul_(w, w, value=-1)


FAMILIES = {
    "uniform": Family(*UNITS["uniform"], _uniform_sigmoid, _uniform_bump),
    "triangular": Family(*UNITS["triangular"], _triangular_sigmoid, _triangular_bump),
    "normal": Family(*UNITS["normal"], _normal_sigmoid, _normal_bump),
    "logistic": Family(*UNITS["logistic"], _logistic_sigmoid, _logistic_bump),
}


def noise_family(name: str) -> Family:
    """Return the family called ``name``: ``uniform``, ``triangular``, ``normal``, ``logistic``.

    Raises:
        UnknownNameError: there is none of this name.

    >>> round(noise_family("uniform").width ** 2)  # (b - a)^2 = 12 variances
    12
    """
    if name not in FAMILIES:
        raise UnknownNameError("noise family", name, FAMILIES)
    return FAMILIES[name]


def cdf(z: Tensor, std: float, name: str) -> Tensor:
    """Return P(noise <= z) of the family ``name`` with mean 0 and standard deviation ``std`` > 0.

    Args:
        z: of any shape; NaN yields NaN, and infinities 0 and 1.
        std: true standard deviation, in the unit of ``z``.
        name: of the family.

    Raises:
        UnknownNameError: there is none of this name.

    >>> cdf(torch.tensor([-1.0, 0.0, 0.25, 1.0]), 0.5 / 3**0.5, "uniform").tolist()
    [0.0, 0.5, 0.75, 1.0]
    """
    kind = noise_family(name)
    return kind.sigmoid(z / (kind.width * std)).add_(0.5)


def pdf(z: Tensor, std: float, name: str) -> Tensor:
    """Return the density at ``z`` of the family ``name`` with mean 0 and deviation ``std`` > 0.

    Args:
        z: of any shape; NaN yields NaN, but 0 in the uniform family.
        std: true standard deviation, in the unit of ``z``.
        name: of the family.

    Raises:
        UnknownNameError: there is none of this name.

    >>> pdf(torch.tensor([-0.5, 0.0, 0.5]), 12**-0.5, "uniform").tolist()  # half-open support
    [1.0, 1.0, 0.0]
    """
    kind = noise_family(name)
    return kind.bump(z / (kind.width * std)).mul_(kind.norm / (kind.width * std))
