import math

import numpy as np
import pytest
import torch
from scipy import integrate

from qsched.errors import UnknownNameError
from qsched.quantizers.noise import cdf, noise_family, pdf
from tests.quantizers.reference import FAMILIES, distribution


@pytest.mark.parametrize("std", [0.05, 12**-0.5, 1.3])
@pytest.mark.parametrize("name", FAMILIES)
def test_matches_scipy_at_the_true_standard_deviation(name, std):
    # An irrational grid keeps clear of the edges of supports.
    z = np.linspace(-4, 4, 201) * math.pi / 3
    ours = torch.from_numpy(z)
    np.testing.assert_allclose(cdf(ours, std, name), distribution(name, std).cdf(z), atol=1e-12)
    np.testing.assert_allclose(pdf(ours, std, name), distribution(name, std).pdf(z), atol=1e-12)


@pytest.mark.parametrize("name", FAMILIES)
def test_second_moment_is_the_square_of_the_parameter(name):
    std = 0.37

    def moment(z, power):
        return z**power * float(pdf(torch.tensor([z], dtype=torch.float64), std, name)[0])

    edge = noise_family(name).width * std / (2 if name == "uniform" else 1)
    edge = edge if name in ("uniform", "triangular") else 30 * std
    for power, expected in ((0, 1), (1, 0), (2, std**2)):
        value = integrate.quad(moment, -edge, edge, args=(power,), points=[0])[0]
        assert value == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", FAMILIES)
def test_sigmoid_is_exactly_one_half_within_reach(name, dtype):
    kind = noise_family(name)
    ends = torch.tensor([-kind.reach, 0.0, kind.reach, torch.inf], dtype=dtype)
    low, zero, high, far = kind.sigmoid(ends).tolist()
    # The lower end of the logistic sigmoid is approached, not reached.
    assert low == pytest.approx(-0.5, abs=1e-16)
    assert (zero, high, far) == (0.0, 0.5, 0.5)


def test_unknown_family_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean `logistic`"):
        noise_family("logistics")
