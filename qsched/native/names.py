"""Names of what compiled code knows by number: a name's number is its place."""

from __future__ import annotations

from qsched.quantizers import FAMILIES

__all__ = ["FORWARDS", "METHODS", "NOISE"]

METHODS = ("float", "ana", "inq")
NOISE = tuple(FAMILIES)
FORWARDS = ("expectation", "mode", "random")
