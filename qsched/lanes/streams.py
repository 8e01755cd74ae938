"""Random streams keyed by run: everything random follows from a run's seed and a stream's number.

Streams drawn outside the training step are NumPy generators. Noise inside the step is a hash of a
counter (:mod:`qsched.lanes.noise`), so that every lane's noise is computed in one vectorized call
and depends on neither its lane nor its cohort.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

__all__ = ["GOLDEN", "Stream", "generator", "lane_keys", "noise_keys"]

GOLDEN = 0x9E3779B97F4A7C15


class Stream(IntEnum):
    """What a stream of random numbers is for."""

    WEIGHTS = 0
    BATCHES = 1
    NOISE = 2
    PARTITION = 3
    AUGMENTATION = 4
    THRESHOLDS = 5


def generator(seed: int, stream: Stream) -> np.random.Generator:
    """Return a run's generator for one stream.

    >>> bool(generator(3, Stream.BATCHES).random() == generator(3, Stream.BATCHES).random())
    True
    >>> bool(generator(3, Stream.BATCHES).random() == generator(3, Stream.WEIGHTS).random())
    False
    """
    return np.random.default_rng(np.random.SeedSequence([seed, int(stream)]))


def lane_keys(seeds: Sequence[int]) -> np.ndarray:
    """Return the noise key of every run, [K] uint64."""
    draws = [generator(seed, Stream.NOISE).integers(0, 2**64, dtype=np.uint64) for seed in seeds]
    return np.array(draws, dtype=np.uint64)


def noise_keys(lanes: np.ndarray, steps: range, sites: int) -> np.ndarray:
    """Return two words for every step, lane and quantizer: the SplitMix64 sequence of the lane.

    The word of step t and quantizer q is number ``t Q + q`` of the lane's sequence.

    Args:
        lanes: [K] uint64, from :func:`lane_keys`.
        steps: S consecutive steps.
        sites: number Q of quantizers.

    Returns:
        [S, Q, K, 2] int32.

    Source: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators",
    OOPSLA (2014).
    """
    step = np.arange(steps.start, steps.stop, dtype=np.uint64)[:, None, None]
    count = step * np.uint64(sites) + np.arange(1, sites + 1, dtype=np.uint64)[None, :, None]
    z = lanes[None, None, :] + count * np.uint64(GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    words: np.ndarray = z[..., None].view(np.int32)
    return words
