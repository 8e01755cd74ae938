"""The families of noise, and what they are called."""

from __future__ import annotations

from functools import partial

import pytest

from qsched.errors import UnknownNameError
from qsched.quantizers import FAMILIES, noise_family
from qsched.testing.noise import Distribution, NoiseTestCase
from qsched.testing.reference import distribution


class TestFamilies(NoiseTestCase):
    @pytest.fixture(params=FAMILIES)
    def family(self, request: pytest.FixtureRequest) -> str:
        return request.param

    @pytest.fixture
    def distribution(self, family: str) -> Distribution:
        return partial(distribution, family)


def test_unknown_family_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean `logistic`"):
        noise_family("logistics")
