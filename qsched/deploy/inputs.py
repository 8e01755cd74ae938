"""How inputs become integers."""

from __future__ import annotations

import numpy as np

from qsched.deploy.records import Input
from qsched.deploy.weights import power_of_two
from qsched.errors import InputError

__all__ = ["INPUT_BITS", "input_of"]

INPUT_BITS = 8


def input_of(examples: np.ndarray, bits: int = INPUT_BITS) -> Input:
    """Return the input quantizer of signed integers that covers some examples.

    Inputs that are integers already (-1, 0 and 1, say) and fit stay what they are, with step 1.

    Args:
        examples: [N, ...], such as the training split; larger inputs are clipped later.
        bits: 2 to 16.

    Raises:
        InputError: bits out of range, or inputs that are not finite.

    >>> input_of(np.array([[0.3, -2.0]]), bits=8)
    Input(shape=(2,), step=0.03125, low=-128, high=127)
    >>> input_of(np.array([[-1.0, 0.0, 1.0]]))
    Input(shape=(3,), step=1.0, low=-1, high=1)
    """
    if not 2 <= bits <= 16:
        raise InputError(f"inputs have 2 to 16 bits, but {bits} are asked for")
    if len(examples) == 0 or not np.isfinite(examples).all():
        raise InputError("inputs must be finite and at least one, but there are none, NaN or inf")
    shape, largest = tuple(examples.shape[1:]), float(np.abs(examples).max())
    if largest <= 1 and np.isin(examples, (-1, 0, 1)).all():
        return Input(shape, 1.0, -1, 1)
    high = 2 ** (bits - 1) - 1
    return Input(shape, power_of_two(largest / high), -high - 1, high)
