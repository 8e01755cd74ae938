"""Random numbers of partitions that are drawn."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from qsched.lanes.streams import Stream
from qsched.schedules import Partition

__all__ = ["partition_draws"]


def partition_draws(
    partition: Partition, seed: int, site: int, epoch: int, like: Tensor
) -> Tensor | None:
    """Return the samples in [0, 1) of a random partition: a function of seed, place and epoch.

    Args:
        partition: None is returned for one that is not random.
        seed: of the run.
        site: number of the quantizer in its model.
        epoch: read for ``rpr`` only, which draws anew in each.
        like: gives shape, dtype and device.
    """
    if partition not in ("random", "rpr"):
        return None
    key = [seed, int(Stream.PARTITION), site, epoch if partition == "rpr" else 0]
    return torch.from_numpy(np.random.default_rng(key).random(tuple(like.shape))).to(like)
