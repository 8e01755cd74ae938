"""Incremental quantization of weights: which are frozen, and at what values.

Latent weights stay in the rows of parameters. Frozen ones are held there bit for bit, whatever the
optimizer did to them, and layers compute with their quantized values; free ones train in full
precision. Only a partition drawn anew (``rpr``) lets a frozen weight go, with its latent value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from qsched.lanes.modes import Segment
from qsched.lanes.plan import Plan
from qsched.lanes.streams import Stream, generator
from qsched.quantizers import Codebook, Frozen, grow, harden, hold
from qsched.schedules import Partition

__all__ = ["Incremental"]

Index = tuple[slice, slice]


class Incremental:
    """The frozen weights of all lanes of a cohort.

    The scale of a layer's codebook is fitted when its first weights freeze, and stays.

    Args:
        plan: the network.
        segments: of the weights, all modes; those of kind ``inq`` count.
        book: the levels.
        counts: how many weights of each tensor are to be frozen, by schedule and step:
            [U, T, sites].
        schedules: which of the U each lane follows, [K].
        seeds: of all lanes: they key the random partitions.
        like: gives dtype and device.
    """

    def __init__(
        self,
        plan: Plan,
        segments: Sequence[Segment],
        book: Codebook,
        counts: np.ndarray,
        schedules: np.ndarray,
        seeds: Sequence[int],
        like: Tensor,
    ) -> None:
        self.blocks, self.book, self.counts = plan.weight_blocks, book, counts
        self.segments = [s for s in segments if s.mode.kind == "inq"]
        self.schedules = schedules
        before = np.concatenate([np.zeros_like(counts[:, :1]), counts[:, :-1]], axis=1)
        self.moves = (counts != before).any(axis=(0, 2))
        self.draws = [generator(seed, Stream.PARTITION) for seed in seeds]
        shape = (len(schedules), plan.quantized)
        self.frozen = torch.zeros(shape, dtype=torch.bool, device=like.device)
        self.fixed, self.latent, self.uniform = (like.new_zeros(shape) for _ in range(3))
        self.scales = like.new_zeros(shape[0], len(self.blocks))
        for segment in self.segments:
            self._draw(segment, "random")

    def begin_epoch(self, values: Tensor, step: int) -> None:
        """Draw the partitions anew that are drawn anew every epoch.

        Args:
            values: parameters [K, P].
            step: the first one of the epoch.
        """
        for segment in self.segments:
            if segment.mode.forward == "rpr":
                self._draw(segment, "rpr")
                for site in range(segment.sites.start, segment.sites.stop):
                    self._freeze(values, segment, site, step - 1)

    def advance(self, values: Tensor, step: int) -> None:
        """Freeze what the schedules ask for before ``step``."""
        if not self.moves[step]:
            return
        for segment in self.segments:
            lanes = self.schedules[segment.rows]
            for site in range(segment.sites.start, segment.sites.stop):
                if (self._count(lanes, step, site) != self._count(lanes, step - 1, site)).any():
                    self._freeze(values, segment, site, step)

    def forward(self, index: Index, x: Tensor, out: Tensor) -> None:
        """Write the weights that layers compute with in training."""
        torch.where(self.frozen[index], self.fixed[index], x, out=out)

    def backward(self, index: Index, grad: Tensor, out: Tensor) -> None:
        """Write the gradients of free weights, and 0 for frozen ones."""
        out.copy_(grad).masked_fill_(self.frozen[index], 0)

    def harden(self, segment: Segment, values: Tensor, out: Tensor) -> None:
        """Write the weights of the hard network: what is free is quantized, too.

        Args:
            segment: which weights.
            values: parameters [K, P].
            out: effective weights [K, Q].
        """
        for site in range(segment.sites.start, segment.sites.stop):
            index, state = self._tensor(segment, site)
            frozen, fixed, _, scale = state
            out[index] = harden(values[index], frozen, fixed, scale, self.book)

    def hold(self, values: Tensor) -> None:
        """Undo what an optimizer's step did to frozen weights."""
        for segment in self.segments:
            index = segment.rows, segment.columns
            hold(values[index], self.frozen[index], self.latent[index])

    def keep(self, rows: Sequence[int], index: Tensor, segments: Sequence[Segment]) -> None:
        """Drop all lanes but ``rows``, of which ``segments`` are made."""
        self.segments = [s for s in segments if s.mode.kind == "inq"]
        self.schedules = self.schedules[list(rows)]
        self.draws = [self.draws[row] for row in rows]
        for name in ("frozen", "fixed", "latent", "uniform", "scales"):
            setattr(self, name, getattr(self, name).index_select(0, index))

    def _freeze(self, values: Tensor, segment: Segment, site: int, step: int) -> None:
        """Freeze one tensor's weights as the schedules say at ``step``."""
        index, state = self._tensor(segment, site)
        lanes = self.schedules[segment.rows]
        wanted = torch.from_numpy(self._count(lanes, step, site)).to(values.device)
        partition = cast("Partition", segment.mode.forward)
        grown = grow(values[index], state, wanted, partition, self.book, self.uniform[index])
        for old, new in zip(state, grown, strict=True):
            old.copy_(new)

    def _tensor(self, segment: Segment, site: int) -> tuple[Index, Frozen]:
        """Return where one tensor's weights lie, and views of their state."""
        index = segment.rows, self.blocks[site].columns
        scale = self.scales[segment.rows, site, None]
        return index, Frozen(self.frozen[index], self.fixed[index], self.latent[index], scale)

    def _count(self, lanes: np.ndarray, step: int, site: int) -> np.ndarray:
        return self.counts[lanes, step, site] if step >= 0 else np.zeros_like(lanes)

    def _draw(self, segment: Segment, partition: str) -> None:
        """Draw the priorities of the weights of lanes whose partition is random."""
        if segment.mode.forward == partition:
            for row in range(segment.rows.start, segment.rows.stop):
                draws = self.draws[row].random(self.uniform.shape[1])[segment.columns]
                self.uniform[row, segment.columns] = torch.from_numpy(draws).to(self.uniform)
