"""The quantizers of weights: annealed by noise (ANA), or frozen group by group (INQ)."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from qsched.attachment.ops import anneal, harden, quantize_rows
from qsched.attachment.quantizer import STE, Quantizer
from qsched.levels import frozen_count
from qsched.quantizers import Frozen, codebook, grow, hold, stair
from qsched.schedules import Ana, Inq, Place

__all__ = ["AnnealedWeights", "IncrementalWeights", "WeightQuantizer", "weight_quantizer"]


class WeightQuantizer(Quantizer):
    """What quantizers of weights share: calling one turns float weights into those computed with.

    In training these are the weights of the schedule's step, else those of the hard network.
    """

    def forward(self, weight: Tensor) -> Tensor:
        if self.method is None:
            return weight
        return self.soft(weight) if self.training else self.hard(weight)

    @abstractmethod
    def soft(self, weight: Tensor) -> Tensor:
        """Return the weights of training, differentiable."""

    @abstractmethod
    def hard(self, weight: Tensor) -> Tensor:
        """Return the weights of the hard network."""

    @abstractmethod
    def unit(self, weight: Tensor) -> Tensor:
        """Return the number, [], of which all hard weights are multiples by integers."""

    @abstractmethod
    def restart(self, weight: Tensor) -> None:
        """Start afresh, for other float weights."""


class AnnealedWeights(WeightQuantizer):
    r"""Annealed weights: the stair function, scaled to the layer.

    .. math:: w \mapsto s\,Q(w / s)

    Args:
        place, levels, method: as of :class:`~qsched.attachment.quantizer.Quantizer`.
        weight: what s is fitted to.
        scaled: whether s is fitted, as the scale of least squared error; else it is 1.

    Attributes:
        quantum: buffer [], s.
    """

    quantum: Tensor

    def __init__(
        self, place: Place, levels: str, method: Ana | None, weight: Tensor, *, scaled: bool
    ) -> None:
        super().__init__(place, levels, method, weight)
        self.scaled = scaled
        self.register_buffer("quantum", torch.ones_like(self.controls[0]))
        self.restart(weight)

    @property
    def remaining(self) -> str | None:
        return self.noise_left()

    @torch.no_grad()
    def restart(self, weight: Tensor) -> None:
        if not self.scaled:
            return
        fitted = codebook(self.levels).scale(weight.reshape(1, -1))[0, 0] * _share(self.levels)
        self.quantum.copy_(torch.where(fitted > 0, fitted, 1))

    def soft(self, weight: Tensor) -> Tensor:
        method = self.method if isinstance(self.method, Ana) else STE
        static = self.levels, 1.0, method.family, method.forward
        y: Tensor = anneal(weight / self.quantum, self.controls, self.keys, *static)
        return y * self.quantum

    def hard(self, weight: Tensor) -> Tensor:
        y: Tensor = harden(weight.detach() / self.quantum, self.levels, 1.0)
        return y * self.quantum

    def unit(self, weight: Tensor) -> Tensor:
        return self.quantum * _smallest(self.levels)


class IncrementalWeights(WeightQuantizer):
    """Weights that freeze group by group; free ones are in full precision.

    Args:
        place, levels, method, weight: as of :class:`AnnealedWeights`.

    Attributes:
        frozen: buffer, which weights are frozen: bool, of the shape of the weights.
        fixed: buffer, the quantized values of frozen weights.
        held: buffer, the float values at which frozen weights stay.
        scale: buffer [], of the codebook; fitted when the first weights freeze.
        restarted: whether other float weights came since weights last froze.
    """

    frozen: Tensor
    fixed: Tensor
    held: Tensor
    scale: Tensor

    def __init__(self, place: Place, levels: str, method: Inq, weight: Tensor) -> None:
        super().__init__(place, levels, method, weight)
        start = weight.detach()
        self.register_buffer("frozen", torch.zeros_like(start, dtype=torch.bool))
        self.register_buffer("fixed", torch.zeros_like(start))
        self.register_buffer("held", torch.zeros_like(start))
        self.register_buffer("scale", start.new_zeros(()))
        self.restarted = False

    @property
    def remaining(self) -> str | None:
        left = self.frozen.numel() - self.count()
        return f"{left} of {self.frozen.numel()} weights in full precision" if left else None

    def count(self) -> int:
        """Return how many weights are frozen."""
        return int(self.frozen.sum())

    def lacks(self, fraction: float) -> bool:
        """Return whether fewer weights are frozen than a fraction means."""
        return self.count() < int(self._wanted(fraction))

    @torch.no_grad()
    def restart(self, weight: Tensor) -> None:
        for buffer in (self.frozen, self.fixed, self.held, self.scale):
            buffer.zero_()
        self.restarted = True

    def soft(self, weight: Tensor) -> Tensor:
        return torch.where(self.frozen, self.fixed, weight)

    def hard(self, weight: Tensor) -> Tensor:
        state = (t.reshape(1, -1) for t in (weight.detach(), self.frozen, self.fixed, self.scale))
        rows: Tensor = quantize_rows(*state, self.levels)
        return rows.reshape(weight.shape)

    def unit(self, weight: Tensor) -> Tensor:
        fitted = codebook(self.levels).scale(weight.detach().reshape(1, -1))[0, 0]
        scale = torch.where(self.frozen.any(), self.scale, fitted)
        return scale * (_share(self.levels) * _smallest(self.levels))

    @torch.no_grad()
    def advance(self, weight: Tensor, fraction: float, uniform: Tensor | None) -> None:
        """Freeze so many of the weights; those that are frozen stay so, but for ``rpr``.

        Args:
            weight: the float weights.
            fraction: of them to be frozen, in [0, 1].
            uniform: samples in [0, 1) of their shape, for random partitions.
        """
        buffers = self.frozen, self.fixed, self.held, self.scale
        grown = grow(
            weight.detach().reshape(1, -1),
            Frozen(*(buffer.reshape(1, -1) for buffer in buffers)),
            self._wanted(fraction).to(weight.device),
            self.method.partition if isinstance(self.method, Inq) else "magnitude",
            codebook(self.levels),
            None if uniform is None else uniform.reshape(1, -1),
        )
        for buffer, value in zip(buffers, grown, strict=True):
            buffer.copy_(value.reshape(buffer.shape))

    def hold(self, weight: Tensor) -> None:
        """Undo what an optimizer's step did to frozen weights."""
        hold(weight, self.frozen, self.held)

    def _wanted(self, fraction: float) -> Tensor:
        """Return how many weights a fraction means, [1]."""
        return torch.from_numpy(frozen_count(np.array([fraction]), self.frozen.numel()))


def weight_quantizer(
    place: Place, levels: str, method: Ana | Inq | None, weight: Tensor, *, scaled: bool
) -> WeightQuantizer:
    """Return a new quantizer of a layer's weights; arguments as of :class:`AnnealedWeights`."""
    if isinstance(method, Inq):
        return IncrementalWeights(place, levels, method, weight)
    return AnnealedWeights(place, levels, method, weight, scaled=scaled)


def _share(levels: str) -> float:
    """Return the quantum of the stair whose highest level is that of a codebook of scale 1."""
    one = torch.ones(1, 1)
    return codebook(levels).quantize(1e30 * one, one).item() / stair(levels).levels[-1]


def _smallest(levels: str) -> float:
    """Return the smallest nonzero level: all others are multiples of it by integers."""
    return min(abs(level) for level in stair(levels).levels if level)
