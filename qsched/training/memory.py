"""How many lanes torch trains together: as many as fit the cache, or the memory of a GPU."""

from __future__ import annotations

import re
from functools import lru_cache
from math import prod
from pathlib import Path

import torch

from qsched.lanes.plan import Node, Plan

__all__ = ["lane_bytes", "lanes_together"]

CACHE = 16 * 2**20
"""Bytes of the last cache where the system does not tell."""
MOST = 64
"""Lanes beyond which a CPU gains nothing."""
GPU_SHARE = 0.5
"""Share of a GPU's free memory that lanes may take."""


def lane_bytes(plan: Plan, batch: int, dtype: torch.dtype) -> int:
    """Return the bytes that a step of one torch lane touches.

    Parameters with their gradients and two moments, the quantized weights with their gradients,
    running statistics; and of every layer its outputs, their gradients and one temporary.
    """
    rows = 4 * plan.size + 2 * plan.quantized + 2 * plan.statistics
    return (rows + 3 * batch * _outputs(plan.nodes)) * dtype.itemsize


def lanes_together(plan: Plan, batch: int, dtype: torch.dtype, device: torch.device) -> int:
    """Return how many torch lanes train best together, at least 1.

    On a CPU as many as fit its last cache, 64 at the most: batching loses once activations leave
    the cache. On a GPU as many as fit half of the memory that is free.

    Args:
        plan: the network.
        batch: examples in a batch.
        dtype: of parameters and activations.
        device: where they lie.
    """
    each = lane_bytes(plan, batch, dtype)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return max(1, int(GPU_SHARE * free) // each)
    return min(MOST, max(1, _cache() // each))


def _outputs(nodes: tuple[Node, ...]) -> int:
    return sum(
        prod(node.outputs) + _outputs(node.body) + _outputs(node.shortcut) for node in nodes
    )


@lru_cache(maxsize=1)
def _cache() -> int:
    """Return the size of the last cache of this CPU, in bytes."""
    sizes = [
        int(found[1]) * 2**10
        for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
        if (found := re.fullmatch(r"(\d+)K\n?", path.read_text()))
    ]
    return max(sizes, default=CACHE)
