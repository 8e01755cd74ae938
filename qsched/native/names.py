"""Names of what compiled code knows by number: a name's number is its place."""

from __future__ import annotations

from typing import get_args

from qsched.levels import UNITS
from qsched.schedules import Partition

__all__ = ["BOOKS", "CODEBOOKS", "FORWARDS", "METHODS", "NOISE", "PARTITIONS"]

METHODS = ("float", "ana", "inq")
NOISE = tuple(UNITS)
FORWARDS = ("expectation", "mode", "random")
PARTITIONS = get_args(Partition)
BOOKS = ("ternary", "binary", "uniform", "powers of two")

CODEBOOKS = {
    "ternary": ("ternary", 0),
    "binary": ("binary", 0),
    "2-bit": ("uniform", 2),
    "4-bit": ("uniform", 4),
    "power-of-two-3": ("powers of two", 3),
    "power-of-two-5": ("powers of two", 5),
}
"""Name and bits of the codebook of some levels, as of :data:`qsched.quantizers.CODEBOOKS`."""
