"""Names of what compiled code knows by number: a name's number is its place."""

from __future__ import annotations

from typing import get_args

from qsched.quantizers import FAMILIES
from qsched.quantizers.inq import Binary, PowersOfTwo, Ternary, Uniform
from qsched.quantizers.partition import Partition

__all__ = ["BOOKS", "FORWARDS", "METHODS", "NOISE", "PARTITIONS"]

METHODS = ("float", "ana", "inq")
NOISE = tuple(FAMILIES)
FORWARDS = ("expectation", "mode", "random")
PARTITIONS = get_args(Partition)
BOOKS = (Ternary, Binary, Uniform, PowersOfTwo)
