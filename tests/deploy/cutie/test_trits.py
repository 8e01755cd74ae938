"""Five trits in a byte, against published vectors of the decoder."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from qsched.deploy.cutie.trits import CODE, pack, unpack

# Rows of decoder_stimuli.txt and decoder_exp_responses.txt of pulp-platform/quantlab.
PUBLISHED = """
00000000 0100010101   01111111 0111111111   00000001 0101000001   10000000 1100010101
00000010 0101000000   10000001 1101000001   00000011 0101010100   10000010 1101000000
00000100 0101000101   10000011 1101010100   00000101 0101010001   10000100 1101000101
00000110 0101010000   10000101 1101010001   00000111 0101010101   10000110 1101010000
00001000 0001010101   10000111 1101010101   10001000 0011010101   00001010 0100010100
00001011 0001010100   10001010 0000010101   11110110 1100111111   11111111 1111111111
01111101 0000001111   11111110 0011001100   01111110 0001001100   11111101 0001001111
"""
PAIRS = {"00": 0, "01": 1, "11": -1}


def vectors() -> list[tuple[int, list[int]]]:
    words = PUBLISHED.split()
    return [
        (int(byte, 2), [PAIRS[trits[i : i + 2]] for i in range(0, 10, 2)])
        for byte, trits in zip(words[::2], words[1::2], strict=True)
    ]


def test_the_code_has_all_quintuples_and_thirteen_of_them_twice() -> None:
    counts = Counter(map(tuple, CODE.tolist()))
    assert len(counts) == 3**5
    assert Counter(counts.values()) == {1: 230, 2: 13}


def test_it_is_not_base_three() -> None:
    base = [[byte // 3**i % 3 - 1 for i in range(5)] for byte in range(243)]
    assert CODE[:243].tolist() != base
    assert CODE[:243].tolist() != [row[::-1] for row in base]


@pytest.mark.parametrize("count", [1, 4, 5, 48, 50, 96])
def test_packing_is_undone_by_unpacking(count: int) -> None:
    trits = np.random.default_rng(count).integers(-1, 2, (3, 7, count))
    packed = pack(trits)
    assert packed.shape == (3, 7, -(-count // 5))
    assert packed.dtype == np.uint8
    np.testing.assert_array_equal(unpack(packed, count), trits)


def test_of_two_codes_the_smaller_is_written() -> None:
    packed = pack(CODE)[:, 0]
    assert (packed <= np.arange(256)).all()
    assert (packed != np.arange(256)).sum() == 13
