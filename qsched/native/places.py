"""Where a kernel reads and where it writes."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Inputs", "Place", "Rows"]


class Place(NamedTuple):
    """Numbers of an array from ``at`` on."""

    array: Any
    at: Any


class Inputs(NamedTuple):
    """Numbers of an array from ``at`` on, and how they are read.

    ``source`` is empty, or normalizes them on the way, see :func:`qsched.native.simd.column`.
    """

    array: Any
    at: Any
    source: Any


class Rows(NamedTuple):
    """How many rows of numbers there are, and their length ``ld``, in whole vectors."""

    count: Any
    ld: Any
