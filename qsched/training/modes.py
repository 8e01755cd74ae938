"""What the quantizers of runs do, and where their weights start."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qsched.lanes.modes import Mode, lane_modes
from qsched.lanes.plan import Plan
from qsched.levels import Stair
from qsched.specs import Run

__all__ = ["modes", "thresholds"]


def modes(runs: Sequence[Run], plan: Plan) -> list[tuple[Mode, ...]]:
    """Return the modes of all quantizers, for each run."""
    return [lane_modes(run.schedule, plan, run.task.precision) for run in runs]


def thresholds(
    mode: tuple[Mode, ...], mean: np.ndarray, plan: Plan, weights: Stair | None
) -> list[tuple[float, ...] | None]:
    """Return where each weight tensor starts: thresholds moved by the noise's first mean."""
    steps = weights.thresholds if weights else ()
    return [
        tuple(t + mean[site] for t in steps) if mode[site].kind == "ana" else None
        for site in range(len(plan.weight_blocks))
    ]
