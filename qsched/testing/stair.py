"""What every stair function must do: hard, and smoothed by each family of noise."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import integrate
from torch import Tensor

from qsched.quantizers import Stair, ana, ana_backward, backward_plan, hard
from qsched.testing.reference import FAMILIES, integrated, plain_hard

__all__ = ["StairTestCase"]

every_family = pytest.mark.parametrize("family", FAMILIES)


class StairTestCase(ABC):
    """A stair function: steps at its thresholds, and an expectation under noise.

    Override ``stair`` with a fixture.
    """

    @abstractmethod
    def stair(self) -> Stair:
        """Return the stair function that is tested."""

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_thresholds_and_their_float_neighbors(self, stair: Stair, dtype: torch.dtype) -> None:
        plain = replace(stair, quantum=1.0)
        edges = torch.tensor(plain.thresholds, dtype=dtype)
        below = torch.nextafter(edges, torch.tensor(-torch.inf, dtype=dtype))
        above = torch.nextafter(edges, torch.tensor(torch.inf, dtype=dtype))
        rounding = 4 * torch.finfo(dtype).eps * max(map(abs, stair.levels))
        for x, levels in (
            (below, stair.levels[:-1]),
            *((x, stair.levels[1:]) for x in (edges, above)),
        ):
            assert hard(x, plain).tolist() == pytest.approx(levels, rel=0, abs=rounding)

    @pytest.mark.parametrize("mean", [None, -0.5, 0.75])
    def test_matches_a_plain_loop(self, stair: Stair, mean: float | None) -> None:
        # An irrational grid keeps clear of the thresholds.
        reach = 1.3 * max(map(abs, stair.edges)) + 2 * stair.quantum
        x = torch.linspace(-reach, reach, 301, dtype=torch.float64) + math.pi * 1e-3
        shift = None if mean is None else torch.tensor(mean, dtype=torch.float64)
        expected = [plain_hard(v, stair, mean or 0.0) for v in x.tolist()]
        np.testing.assert_allclose(hard(x, stair, shift), expected, rtol=0, atol=1e-12)

    def test_nan_and_infinities(self, stair: Stair) -> None:
        values = hard(torch.tensor([torch.nan, -torch.inf, torch.inf]), stair).tolist()
        assert math.isnan(values[0])
        ends = [stair.levels[0] * stair.quantum, stair.levels[-1] * stair.quantum]
        assert values[1:] == pytest.approx(ends)

    @pytest.mark.parametrize(("std", "mean"), [(0.2, 0.0), (0.7, -0.4)])
    @every_family
    def test_expectation_is_the_integral_over_the_noise(
        self, stair: Stair, family: str, std: float, mean: float
    ) -> None:
        points = np.linspace(-3.1, 3.3, 9)
        ours = _expectation(torch.from_numpy(points), stair, family, std, mean)
        theirs = [integrated(x, stair, family, std, mean) for x in points]
        np.testing.assert_allclose(ours, theirs, atol=1e-8)

    @pytest.mark.parametrize("std", [0.1, 12**-0.5, 0.9])
    @every_family
    def test_gradient_is_the_numerical_derivative_of_the_expectation(
        self, stair: Stair, family: str, std: float
    ) -> None:
        # Irrational points keep clear of the kinks of bounded families.
        x = (torch.linspace(-2, 2, 41, dtype=torch.float64) * 1.01 + 0.001237).requires_grad_()
        [grad] = torch.autograd.grad(_expectation(x, stair, family, std, 0.03).sum(), x)
        step = 1e-6
        with torch.no_grad():
            high, low = (_expectation(x + s, stair, family, std, 0.03) for s in (step, -step))
        torch.testing.assert_close(grad, (high - low) / (2 * step), atol=1e-6, rtol=1e-6)

    @every_family
    def test_gradient_integrates_to_the_height_of_the_stair(
        self, stair: Stair, family: str
    ) -> None:
        low, high = stair.edges[0] - 15 * stair.quantum, stair.edges[-1] + 15 * stair.quantum
        x = torch.linspace(low, high, 300_001, dtype=torch.float64) + 1e-5
        std = torch.tensor(0.4, dtype=torch.float64)
        plan = backward_plan(std, None, stair=stair, family=family)
        slope = ana_backward(torch.ones_like(x), x, plan)
        total = integrate.trapezoid(slope.numpy(), x.numpy())
        height = (stair.levels[-1] - stair.levels[0]) * stair.quantum
        assert total == pytest.approx(height, rel=2e-3)


def _expectation(x: Tensor, stair: Stair, family: str, std: float, mean: float) -> Tensor:
    deviation, shift = (torch.tensor(v, dtype=x.dtype) for v in (std, mean))
    return ana(x, deviation, shift, deviation, stair=stair, family=family, forward="expectation")
