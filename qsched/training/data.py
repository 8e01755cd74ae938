"""Data sets as tensors on a device, and the batches of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from qsched.lanes.streams import Stream, generator
from qsched.specs import DataSpec
from qsched.tasks import Split, load_data
from qsched.tasks.augment import PADDING, crop_and_flip

__all__ = ["BatchOrder", "Resident", "gather", "resident", "spread"]


class Resident:
    """One split as tensors: inputs [N, C, H, W] or [N, D], classes [N]."""

    def __init__(self, split: Split, dtype: torch.dtype, device: torch.device, flat: bool) -> None:
        x = torch.as_tensor(split.x, dtype=dtype, device=device)
        self.x = x.flatten(1).contiguous() if flat else x
        self.y = torch.as_tensor(split.y, device=device)

    def __len__(self) -> int:
        return len(self.y)


@lru_cache(maxsize=8)
def resident(
    spec: DataSpec, split: str, dtype: torch.dtype, device: torch.device, flat: bool
) -> Resident:
    """Return a split of a data set as tensors; the last few stay in memory.

    Args:
        spec: which data.
        split: ``train``, ``validation`` or ``test``.
        dtype: of the inputs.
        device: where they lie.
        flat: flatten images to features at once.
    """
    return Resident(getattr(load_data(spec), split), dtype, device, flat)


class BatchOrder:
    """The batches of every run: a fresh permutation an epoch, keyed by its seed.

    Examples that do not fill a last batch are left out of that epoch.

    Args:
        seeds: of the runs.
        examples: number of training examples.
        batch: batch size.
        augment: draw crops and flips, too.
    """

    def __init__(self, seeds: Sequence[int], examples: int, batch: int, augment: bool) -> None:
        self.examples, self.batch, self.augment = examples, batch, augment
        self.steps = examples // batch
        self.orders = [generator(seed, Stream.BATCHES) for seed in seeds]
        self.changes = [generator(seed, Stream.AUGMENTATION) for seed in seeds]

    def epoch(self) -> Tensor:
        """Return the indices of one epoch's batches, [steps, B, K]."""
        used = self.steps * self.batch
        rows = [order.permutation(self.examples)[:used] for order in self.orders]
        return torch.from_numpy(np.stack(rows, axis=-1).reshape(self.steps, self.batch, -1))

    def crops(self) -> Tensor | None:
        """Return top, left and flip of every image of one epoch, [steps, B, K, 3], if wanted."""
        if not self.augment:
            return None
        used = self.steps * self.batch
        limits = (2 * PADDING + 1, 2 * PADDING + 1, 2)
        rows = [change.integers(0, limits, size=(used, 3)) for change in self.changes]
        return torch.from_numpy(np.stack(rows, axis=1).reshape(self.steps, self.batch, -1, 3))

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all lanes but ``rows``."""
        self.orders = [self.orders[row] for row in rows]
        self.changes = [self.changes[row] for row in rows]


def gather(data: Resident, index: Tensor, crops: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return one batch of every lane in the layout of the lane engine.

    Args:
        data: training split.
        index: [B, K].
        crops: [B, K, 3] or None.

    Returns:
        Inputs, [B, K C, H, W] or [K, D, B], and classes [K, B].
    """
    flat = index.reshape(-1)
    x = data.x.index_select(0, flat)
    if crops is not None:
        change = crops.reshape(-1, 3)
        x = crop_and_flip(x, change[:, :2], change[:, 2].bool())
    return _layout(x.view(*index.shape, *x.shape[1:])), data.y[flat].view(index.shape).t()


def spread(x: Tensor, lanes: int) -> Tensor:
    """Return the same examples [N, ...] for every lane, in the layout of the lane engine."""
    return _layout(x.unsqueeze(1).expand(-1, lanes, *x.shape[1:]))


def _layout(x: Tensor) -> Tensor:
    """Return [B, K, D] as [K, D, B], and [B, K, C, H, W] as [B, K C, H, W]."""
    return x.permute(1, 2, 0) if x.dim() == 3 else x.flatten(1, 2)
