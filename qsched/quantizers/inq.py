r"""Incremental network quantization: the codebooks that weights are frozen to.

A codebook knows the form of the levels; its scale is fitted to each row (one layer of one lane)
and then stays. Batched over rows [R, n]; no element is visited in Python.

Zhou et al., Incremental network quantization: towards lossless CNNs with low-precision weights,
ICLR 2017, arXiv:1702.03044.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from qsched.errors import InputError, UnknownNameError

__all__ = [
    "CODEBOOKS",
    "Binary",
    "Codebook",
    "PowersOfTwo",
    "Ternary",
    "Uniform",
    "codebook",
]


class Codebook(Protocol):
    """The levels of quantized weights, up to a scale that is fitted to them.

    NaN in a row makes its scale NaN; a row of 0 has the scale 0, at which all weights go to 0.
    """

    @property
    def count(self) -> int:
        """Number of levels."""

    def scale(self, weights: Tensor) -> Tensor:
        """Return the scale [R, 1] fitted to the rows of ``weights`` [R, n]."""

    def quantize(self, weights: Tensor, scale: Tensor) -> Tensor:
        """Return the levels [R, n] nearest to ``weights`` [R, n]; NaN yields NaN."""


@dataclass(frozen=True)
class PowersOfTwo:
    r"""Zero and powers of two: INQ's own codebook of b bits, 2^(b-1) + 1 levels.

    With s = max abs w of a row,

    .. math::
        n_1 = \lfloor \log_2 (4 s / 3) \rfloor, \quad n_2 = n_1 + 1 - 2^{b-2}, \quad
        P = \{0\} \cup \{\pm 2^k : n_2 \le k \le n_1\}

    The scale is 2^n1. A weight goes to the power of two beta with 3 beta / 4 <= abs w < 3 beta / 2
    (the nearest one), to 0 below 2^(n2 - 1), and to 2^n1 from there on: it saturates, also where a
    free weight has outgrown the codebook. Exponents are read from the numbers themselves, so
    boundaries are exact; no logarithm is rounded.

    Attributes:
        bits: b >= 2.

    Raises:
        InputError: fewer than 2 bits, which leave no power of two.

    >>> book = PowersOfTwo(bits=3)
    >>> weights = torch.tensor([[0.24, 0.25, 0.74, 0.75, -9.0]])
    >>> book.quantize(weights, torch.tensor([[1.0]])).tolist()
    [[0.0, 0.5, 0.5, 1.0, -1.0]]
    """

    bits: int

    def __post_init__(self) -> None:
        if self.bits < 2:
            raise InputError(f"powers of two need at least 2 bits, but got {self.bits}")

    @property
    def count(self) -> int:
        """Number of levels."""
        return (1 << (self.bits - 1)) + 1

    def scale(self, weights: Tensor) -> Tensor:
        """Return 2^n1, [R, 1]."""
        return _power_of_two(weights.abs().amax(dim=1, keepdim=True))

    def quantize(self, weights: Tensor, scale: Tensor) -> Tensor:
        """Return the levels [R, n] nearest to ``weights``, saturating at ``scale``."""
        smallest = 2.0 ** (1 - 2 ** (self.bits - 2))
        ratio = (weights.abs() / torch.where(scale > 0, scale, 1)).clamp(max=1)
        power = _power_of_two(ratio).clamp(min=smallest)
        power = torch.where(ratio < smallest / 2, 0, power)
        return power * scale * weights.sign()


def _power_of_two(x: Tensor) -> Tensor:
    """Return the power of two p with 3 p / 4 <= x < 3 p / 2, exactly; 0 for 0."""
    mantissa, _ = torch.frexp(x)
    power = x / torch.where(mantissa == 0, 1, mantissa)
    return torch.where(mantissa < 0.75, power / 2, power)


@dataclass(frozen=True)
class Ternary:
    r"""{-s, 0, s} with the s of least squared error.

    If the k largest magnitudes go to their mean s_k, the error falls by k s_k^2: the best k is
    found exactly, among all. A weight goes to s from s / 2 on. (Li, Zhang, Liu, Ternary weight
    networks, 2016, arXiv:1605.04711, take a threshold of 0.7 mean magnitudes in its place.)

    >>> weights = torch.tensor([[1.0, -1.0, 0.1, 0.0]])
    >>> book = Ternary()
    >>> book.scale(weights).item(), book.quantize(weights, book.scale(weights)).tolist()
    (1.0, [[1.0, -1.0, 0.0, 0.0]])
    """

    count: int = 3

    def scale(self, weights: Tensor) -> Tensor:
        """Return s, [R, 1]."""
        magnitudes = weights.abs().double().sort(dim=1, descending=True).values
        means = magnitudes.cumsum(1)
        number = torch.arange(1, weights.shape[1] + 1, dtype=means.dtype, device=means.device)
        gain = means.square() / number
        best = gain.argmax(dim=1, keepdim=True)
        return (means / number).gather(1, best).to(weights.dtype)

    def quantize(self, weights: Tensor, scale: Tensor) -> Tensor:
        """Return the levels [R, n] nearest to ``weights``."""
        levels = weights.sign() * torch.where(weights.abs() < scale / 2, 0, scale)
        return torch.where(weights.isnan(), weights, levels)


@dataclass(frozen=True)
class Binary:
    """{-s, s} with the s of least squared error, the mean magnitude; 0 goes to s.

    Rastegari et al., XNOR-Net, ECCV 2016, arXiv:1603.05279.

    >>> weights = torch.tensor([[1.0, -0.5, 0.0]])
    >>> Binary().quantize(weights, Binary().scale(weights)).tolist()
    [[0.5, -0.5, 0.5]]
    """

    count: int = 2

    def scale(self, weights: Tensor) -> Tensor:
        """Return s, [R, 1]."""
        return weights.abs().mean(dim=1, keepdim=True)

    def quantize(self, weights: Tensor, scale: Tensor) -> Tensor:
        """Return the levels [R, n] nearest to ``weights``."""
        sign = torch.where(weights < 0, -1, 1)
        return torch.where(weights.isnan(), weights, sign * scale)


@dataclass(frozen=True)
class Uniform:
    """The integers of b bits in two's complement times a step; the step of least squared error.

    The step is the best of a grid up to the one that reaches the largest magnitude, then improved
    by turns of rounding and least squares, none of which raises the error. Halves are rounded to
    even; what lies beyond the outermost levels goes to them.

    Attributes:
        bits: b >= 2.
        candidates: size of the grid.

    >>> Uniform(bits=2).quantize(torch.tensor([[-9.0, -0.5, 0.2, 0.4]]), torch.tensor([[0.4]]))
    tensor([[-0.8000, -0.4000,  0.0000,  0.4000]])
    """

    bits: int
    candidates: int = 64

    @property
    def count(self) -> int:
        """Number of levels."""
        return 1 << self.bits

    def scale(self, weights: Tensor) -> Tensor:
        """Return the step, [R, 1]."""
        largest = weights.abs().amax(dim=1, keepdim=True)
        steps = [
            largest * (k / self.candidates) / (2 ** (self.bits - 1) - 1)
            for k in range(1, self.candidates + 1)
        ]
        errors = torch.cat([self._error(weights, step) for step in steps], dim=1)
        step = torch.cat(steps, dim=1).gather(1, errors.argmin(dim=1, keepdim=True))
        for _ in range(4):
            codes = self._codes(weights, step)
            power = codes.square().sum(dim=1, keepdim=True)
            fitted = (codes * weights).sum(dim=1, keepdim=True) / torch.where(power > 0, power, 1)
            step = torch.where(power > 0, fitted, step)
        return step

    def quantize(self, weights: Tensor, scale: Tensor) -> Tensor:
        """Return the levels [R, n] nearest to ``weights``."""
        return self._codes(weights, scale) * scale

    def _codes(self, weights: Tensor, step: Tensor) -> Tensor:
        half = 2 ** (self.bits - 1)
        return (weights / torch.where(step > 0, step, 1)).round().clamp(-half, half - 1)

    def _error(self, weights: Tensor, step: Tensor) -> Tensor:
        return (weights - self.quantize(weights, step)).square().sum(dim=1, keepdim=True)


CODEBOOKS: dict[str, Codebook] = {
    "ternary": Ternary(),
    "binary": Binary(),
    "2-bit": Uniform(2),
    "4-bit": Uniform(4),
    "power-of-two-3": PowersOfTwo(3),
    "power-of-two-5": PowersOfTwo(5),
}


def codebook(levels: str) -> Codebook:
    """Return the codebook of the given levels.

    Args:
        levels: ``ternary``, ``binary``, ``2-bit``, ``4-bit``, ``power-of-two-3`` or
            ``power-of-two-5``; as of :func:`~qsched.levels.stair.stair`, but for the scale,
            which a codebook fits to the weights.

    Raises:
        UnknownNameError: no codebook has this name (``float`` has none).

    >>> codebook("power-of-two-5").count
    17
    """
    if levels not in CODEBOOKS:
        raise UnknownNameError("codebook", levels, CODEBOOKS)
    return CODEBOOKS[levels]
