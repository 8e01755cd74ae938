"""What every family of noise must do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import integrate

from qsched.quantizers.noise import cdf, noise_family, pdf

__all__ = ["Distribution", "NoiseTestCase"]

Distribution = Callable[[float], Any]
"""From a standard deviation to SciPy's frozen distribution of mean 0."""

INFINITE = torch.tensor([-torch.inf, torch.inf])


class NoiseTestCase(ABC):
    """A family of noise: mean 0, the true standard deviation its only parameter.

    Override ``family`` and ``distribution`` with fixtures.
    """

    @abstractmethod
    def family(self) -> str:
        """Return the name of the family that is tested."""

    @abstractmethod
    def distribution(self) -> Distribution:
        """Return the same family by SciPy, as a function of the standard deviation."""

    @pytest.mark.parametrize("std", [0.05, 12**-0.5, 1.3])
    def test_is_what_scipy_says(self, family: str, distribution: Distribution, std: float) -> None:
        # An irrational grid keeps clear of the edges of supports.
        z = np.linspace(-4, 4, 201) * math.pi / 3
        ours, theirs = torch.from_numpy(z), distribution(std)
        np.testing.assert_allclose(cdf(ours, std, family), theirs.cdf(z), atol=1e-12)
        np.testing.assert_allclose(pdf(ours, std, family), theirs.pdf(z), atol=1e-12)

    def test_second_moment_is_the_square_of_the_parameter(
        self, family: str, distribution: Distribution
    ) -> None:
        std = 0.37

        def moment(z: float, power: int) -> float:
            return z**power * float(pdf(torch.tensor([z], dtype=torch.float64), std, family)[0])

        edge = min(distribution(std).support()[1], 30 * std)
        for power, expected in ((0, 1), (1, 0), (2, std**2)):
            value = integrate.quad(moment, -edge, edge, args=(power,), points=[0])[0]
            assert value == pytest.approx(expected, abs=1e-8)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_sigmoid_is_exactly_one_half_within_reach(
        self, family: str, dtype: torch.dtype
    ) -> None:
        kind = noise_family(family)
        ends = torch.tensor([-kind.reach, 0.0, kind.reach, torch.inf], dtype=dtype)
        low, zero, high, far = kind.sigmoid(ends).tolist()
        # The lower end may be approached, as the logistic sigmoid's is, and not reached.
        assert low == pytest.approx(-0.5, abs=1e-16)
        assert (zero, high, far) == (0.0, 0.5, 0.5)

    def test_nothing_happens_at_infinity(self, family: str) -> None:
        assert cdf(INFINITE, 0.4, family).tolist() == [0, 1]
        assert pdf(INFINITE, 0.4, family).tolist() == [0, 0]

    def test_sigmoid_and_bump_are_in_place(self, family: str) -> None:
        kind = noise_family(family)
        for function in (kind.sigmoid, kind.bump):
            w = torch.linspace(-3, 3, 7)
            assert function(w).data_ptr() == w.data_ptr()
