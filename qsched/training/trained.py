"""What a trained lane consists of, whichever engine trained it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Parameters"]


@dataclass(frozen=True, eq=False)
class Parameters:
    """The parameters of one trained network, in the order of its plan, with P, Q, S of the plan.

    Attributes:
        values: parameters, [P]; of quantized weights the latent ones.
        weights: quantized weights of the hard network, [Q].
        mean: running means, [S].
        variance: running variances, [S].
    """

    values: np.ndarray
    weights: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
