"""What of an optimizer's step is known before training: a table, two numbers a lane and step."""

from __future__ import annotations

import numpy as np

from qsched.specs import OptimizerSpec

__all__ = ["coefficients"]


def coefficients(spec: OptimizerSpec, rates: np.ndarray, ages: np.ndarray) -> np.ndarray:
    r"""Return the coefficients that steps of an optimizer read.

    Of Adam, a and b of :math:`w \mathrel{+}= m / (a \sqrt v + b)`:

    .. math::
        a = -\frac{1 - \beta_1^t}{\eta \sqrt{1 - \beta_2^t}}, \quad
        b = a\,\epsilon \sqrt{1 - \beta_2^t}

    Of gradient descent the learning rate, twice.

    Args:
        spec: the recipe.
        rates: learning rates, of any shape.
        ages: steps t since the lane's state was last cleared, counting the current one: from 1
            on; same shape.

    Returns:
        Array of shape [2, *rates.shape].
    """
    if spec.name != "adam":
        return np.stack([rates, rates])
    first, second = spec.betas
    root = np.sqrt(1 - second**ages)
    slope = -(1 - first**ages) / rates
    return np.stack([slope / root, slope * spec.eps])
