"""The parameters that a run starts with."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from qsched.lanes.plan import Plan
from qsched.lanes.streams import Stream, generator

__all__ = ["initial_values"]


def initial_values(
    plan: Plan, seed: int, thresholds: Sequence[Sequence[float] | None]
) -> np.ndarray:
    """Draw the initial parameters of one run.

    Weights and biases are uniform in +-1/sqrt(fan_in). A weight whose quantizer anneals noise gets
    a random threshold of its stair added, so that it starts where the stair is undecided, as in
    the code of Spallanzani et al. (CVPR 2022; arXiv 2203.11323). Scales are 1, shifts 0.

    Args:
        plan: the network.
        seed: the run's.
        thresholds: for every quantized weight tensor the thresholds of its stair (with the
            initial mean of the noise added), or None where it does not anneal.

    Returns:
        [P] float64.
    """
    spread, choice = generator(seed, Stream.WEIGHTS), generator(seed, Stream.THRESHOLDS)
    row = np.zeros(plan.size)
    drawn = [block for block in plan.blocks if block.kind in ("weight", "bias")]
    sizes = [prod(block.shape) for block in drawn]
    limits = np.sqrt([block.fan_in for block in drawn])
    draws = spread.uniform(-1, 1, sum(sizes)) / np.repeat(limits, sizes)
    weights = plan.columns("weight")
    row[weights], row[plan.columns("bias")] = np.split(draws, [weights.stop])
    row[plan.columns("scale")] = 1
    row[: plan.quantized] += _starts(plan, choice.random(plan.quantized), thresholds)
    return row


def _starts(
    plan: Plan, fractions: np.ndarray, thresholds: Sequence[Sequence[float] | None]
) -> np.ndarray:
    """Return a threshold of its stair for each quantized weight, picked by a number in [0, 1)."""
    steps = [(0.0,) if row is None else tuple(row) for row in thresholds]
    counts = np.array([len(row) for row in steps])
    table = np.zeros((len(steps), max(counts, default=1)))
    for row, values in zip(table, steps, strict=True):
        row[: len(values)] = values
    site = np.repeat(np.arange(len(steps)), [prod(block.shape) for block in plan.weight_blocks])
    starts: np.ndarray = table[site, (fractions * counts[site]).astype(int)]
    return starts
