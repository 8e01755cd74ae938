"""Five trits in a byte, by the code of the accelerator's decoder.

The decoder is combinational: each of the 256 bytes means five trits, all 243 quintuples occur, and
13 of them have two codes. It is not base 3. The table below holds what the published equations
yield (``rtl/decoder.sv`` in pulp-platform/CUTIE at e1ecf21), evaluated for every byte; it agrees
with the vectors published to test the decoder (``examples/cutie_export/test_gen`` in
pulp-platform/quantlab). Where there are two codes we write the smaller.
"""

from __future__ import annotations

import numpy as np

from qsched.deploy.records import Integers

__all__ = ["CODE", "pack", "unpack"]

TRITS = 5

# For every byte the number sum_i 3^(4 - i) (trit_i + 1) of its five trits, in hexadecimal.
_TABLE = bytes.fromhex(
    "d7e6e5f1e9efeef2a194d6a0ce9585f0d5e4cdebe7ede8ec9f94349acc937fea"
    "d1d4d3dfe3dddce09bcad08ec8cb73decfd2c7d9e1dbe2da99282e88c6c96dd8"
    "c5b0afbbb3b9b8bc8f7cc46a987d9dbac3aecdb5b1b7b2b68d7c2264967b97b4"
    "bfc2c1a9ada7a6aa8976be5892778ba8bdc0c7a3aba5aca487761c52907591a2"
    "3544434f474d4c506b5e869e2c5f854e33422b49454b464a695e849c2a5d7f48"
    "2f32313d413b3a3e657a808c2629733c2d3025373f39403863787e8a24276d36"
    "230e0d191117161a5982746862836718210c2b130f1510145779726660816112"
    "1d201f070b05040853706e565c7155061b1e250109030a0251796c545a6f5b00"
)

CODE: Integers = np.array(
    [[value // 3**power % 3 - 1 for power in range(TRITS - 1, -1, -1)] for value in _TABLE],
    np.int64,
)
"""The five trits of each byte, [256, 5]."""

_BYTES = {value: byte for byte, value in reversed(list(enumerate(_TABLE)))}
_ENCODE = np.array([_BYTES[value] for value in range(3**TRITS)], np.uint8)
_POWERS = 3 ** np.arange(TRITS - 1, -1, -1)


def pack(trits: np.ndarray) -> np.ndarray:
    """Return trits as bytes; the last axis is padded with zeros to a multiple of five.

    Args:
        trits: -1, 0 and 1, [..., n].

    Returns:
        uint8, [..., ceil(n / 5)]; the first trit is in the highest bits.

    >>> pack(np.array([1, -1, -1, -1, -1, 1])).tolist()
    [127, 41]
    """
    missing = -trits.shape[-1] % TRITS
    padded = np.pad(trits, [(0, 0)] * (trits.ndim - 1) + [(0, missing)])
    groups = padded.reshape(*trits.shape[:-1], -1, TRITS) + 1
    packed: np.ndarray = _ENCODE[groups @ _POWERS]
    return packed


def unpack(packed: np.ndarray, count: int) -> Integers:
    """Return the first ``count`` trits of bytes [..., m], [..., count]."""
    trits: Integers = CODE[packed].reshape(*packed.shape[:-1], -1)[..., :count]
    return trits
