"""Random streams: independent arithmetic, uniformity, independence of the place in a cohort."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats

from qsched.lanes.noise import uniform
from qsched.lanes.streams import Stream, generator, lane_keys, noise_keys

MASK = 2**64 - 1


def split_mix(state: int, number: int) -> int:
    """Return a number of a SplitMix64 sequence, with unbounded integers."""
    z = (state + number * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def hashed(low: int, high: int, place: int) -> float:
    """Return the hash of one place, with unbounded integers."""
    h = (place * (0x9E3779B97F4A7C15 % 2**31)) % 2**32 ^ low
    h = ((h ^ (h >> 16)) * 0x7FEB352D) % 2**32 ^ high
    h = ((h ^ (h >> 15)) * 0x846CA68B) % 2**32
    return ((h ^ (h >> 16)) % 2**24) / 2**24


def test_keys_are_a_split_mix_sequence_of_the_lane() -> None:
    lanes = lane_keys([4, 9])
    words = noise_keys(lanes, range(5, 8), sites=3)
    assert words.shape == (3, 3, 2, 2)
    for i, step in enumerate(range(5, 8)):
        for site in range(3):
            for lane in range(2):
                expected = split_mix(int(lanes[lane]), step * 3 + site + 1)
                low, high = (int(word) % 2**32 for word in words[i, site, lane])
                assert low + (high << 32) == expected


def test_noise_equals_plain_integer_arithmetic() -> None:
    keys = torch.tensor([[5, -7], [-(2**31), 2**31 - 1]], dtype=torch.int32)
    found = uniform(keys, (3, 50), torch.float64).numpy()
    for lane, pair in enumerate(keys.tolist()):
        low, high = (word % 2**32 for word in pair)
        expected = [hashed(low, high, place) for place in range(150)]
        assert found[lane].ravel().tolist() == expected


def test_noise_is_uniform_and_uncorrelated() -> None:
    words = torch.from_numpy(noise_keys(lane_keys(range(4)), range(6), sites=2)).reshape(-1, 2)
    draws = uniform(words, (4000,), torch.float64).numpy()
    assert draws.min() >= 0
    assert draws.max() < 1
    assert stats.kstest(draws.ravel(), "uniform").pvalue > 1e-3
    # Between streams (lanes, steps, quantizers) and between neighbors within one.
    between = np.corrcoef(draws)[~np.eye(len(draws), dtype=bool)]
    assert np.abs(between).max() < 5 / np.sqrt(4000)
    within = [np.corrcoef(row[:-1], row[1:])[0, 1] for row in draws]
    assert np.abs(within).max() < 5 / np.sqrt(4000)


def test_noise_of_a_lane_does_not_depend_on_the_others() -> None:
    words = torch.from_numpy(noise_keys(lane_keys([3, 1, 2]), range(2, 3), sites=4))[0, 2]
    alone = torch.from_numpy(noise_keys(lane_keys([2]), range(2, 3), sites=4))[0, 2]
    assert torch.equal(
        uniform(words, (5, 7), torch.float32)[2], uniform(alone, (5, 7), torch.float32)[0]
    )


def test_streams_differ_by_seed_and_by_purpose() -> None:
    first = {float(generator(seed, stream).random()) for seed in range(20) for stream in Stream}
    assert len(first) == 20 * len(Stream)
