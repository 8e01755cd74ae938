"""The limits of the published accelerator.

From ``conf/cutie_conf.sv``, ``rtl/ocu_pool_weights.sv`` and ``stimuli/compute_tcn.py`` of
pulp-platform/CUTIE at e1ecf21. M. Scherer, G. Rutishauser, L. Cavigelli, L. Benini, "CUTIE: beyond
PetaOp/s/W ternary DNN inference acceleration with better-than-binary energy efficiency", IEEE TCAD
41:4 (2022), arXiv:2011.01713.
"""

from __future__ import annotations

__all__ = [
    "ACCUMULATOR",
    "CHANNELS",
    "KERNEL",
    "LAYERS",
    "POOL",
    "SIDE",
    "STRIDE",
    "THRESHOLD",
    "WORD",
    "wrapped",
]

CHANNELS = 96
"""Most input or output channels of a layer."""

KERNEL = 3
"""Side of every kernel."""

SIDE = 64
"""Longest side of an image."""

LAYERS = 8
"""Most layers of a run."""

STRIDE = 3
"""Largest stride: it has two bits."""

POOL = 3
"""Largest side of a pooling window: it has two bits."""

WORD = 48
"""Trits of a memory word: half the channels."""

ACCUMULATOR = (-512, 511)
"""Sums have ten bits, although nine times 96 products can add up to 864: beyond, they wrap."""

THRESHOLD = (-1024, 1023)
"""Thresholds have eleven bits."""


def wrapped(total: int) -> int:
    """Return what ten bits hold of a sum.

    >>> wrapped(511), wrapped(512), wrapped(-513)
    (511, -512, 511)
    """
    low, high = ACCUMULATOR
    return (total - low) % (high - low + 1) + low
