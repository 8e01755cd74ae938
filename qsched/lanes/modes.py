"""What each lane's quantizers do, and how lanes of one mode are brought together.

The mode of a quantizer is what cannot be a number in a tensor: the method, and for noise annealing
the family and the forward strategy. Lanes are sorted such that equal modes are neighbors; then a
quantizer acts on whole slices of the lane axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import prod
from typing import NamedTuple

import numpy as np

from qsched.lanes.plan import Plan
from qsched.levels import frozen_count
from qsched.schedules import Ana, Inq, Place, Schedule
from qsched.specs import Precision

__all__ = [
    "FLOAT",
    "Mode",
    "Segment",
    "frozen_counts",
    "lane_modes",
    "row_runs",
    "weight_segments",
]


class Mode(NamedTuple):
    """How a quantizer acts; strings, so that modes can be sorted.

    Attributes:
        kind: ``float`` (full precision), ``ana`` or ``inq``.
        family: of the noise, for ``ana``.
        forward: strategy, for ``ana``; partition, for ``inq``.
    """

    kind: str
    family: str = ""
    forward: str = ""


FLOAT = Mode("float")


class Segment(NamedTuple):
    """A rectangle of the weights [K, Q] in which one mode holds, with the sites it covers."""

    rows: slice
    columns: slice
    sites: slice
    mode: Mode

    @property
    def start(self) -> tuple[int, int]:
        """Its first row and site, which name it."""
        return self.rows.start, self.sites.start


def lane_modes(schedule: Schedule, plan: Plan, precision: Precision) -> tuple[Mode, ...]:
    """Return the mode of every quantizer of one lane, in the order of ``plan.places``."""
    return tuple(_mode(schedule, place, precision) for place in plan.places)


def _mode(schedule: Schedule, place: Place, precision: Precision) -> Mode:
    levels = precision.weights if place.role == "weights" else precision.activations
    method = schedule.method(place) if levels != "float" else None
    match method:
        case Ana():
            return Mode("ana", method.family, method.forward)
        case Inq():
            return Mode("inq", "", method.partition)
        case None:
            return FLOAT


def frozen_counts(fractions: np.ndarray, plan: Plan) -> np.ndarray:
    """Return how many weights are to be frozen.

    Args:
        fractions: [..., Q], frozen fractions of all quantizers, in [0, 1].
        plan: the network.

    Returns:
        [..., sites] integers, for the quantized weight tensors.
    """
    sizes = [prod(block.shape) for block in plan.weight_blocks]
    columns = [frozen_count(fractions[..., i], size) for i, size in enumerate(sizes)]
    return np.stack(columns, axis=-1)


def row_runs(modes: Sequence[object]) -> Iterator[tuple[slice, int]]:
    """Yield the slices of equal neighbors, with the index of the first.

    >>> list(row_runs("aab"))
    [(slice(0, 2, None), 0), (slice(2, 3, None), 2)]
    """
    start = 0
    for _, group in groupby(modes):
        stop = start + len(list(group))
        yield slice(start, stop), start
        start = stop


def weight_segments(modes: Sequence[tuple[Mode, ...]], plan: Plan) -> list[Segment]:
    """Cut the quantized weights of all lanes into rectangles of one mode.

    Args:
        modes: of every lane, from :func:`lane_modes`.
        plan: the network.
    """
    blocks = plan.weight_blocks
    count = len(blocks)
    segments = []
    for rows, lane in row_runs([mode[:count] for mode in modes]):
        for sites, first in row_runs(modes[lane][:count]):
            columns = slice(blocks[sites.start].start, blocks[sites.stop - 1].columns.stop)
            segments.append(Segment(rows, columns, sites, modes[lane][first]))
    return segments
