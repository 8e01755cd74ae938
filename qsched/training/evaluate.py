"""Evaluation of the hard network of every lane."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qsched.training.cohort import Cohort
from qsched.training.data import spread
from qsched.training.loss import correct, cross_entropy

__all__ = ["Score", "evaluate"]

VALUES = 2**17
"""Values of one lane between two layers at a time; they bound the examples computed at a time."""


class Score(NamedTuple):
    """How good the hard network of each lane is on a split: accuracy and cross-entropy, [K]."""

    accuracy: np.ndarray
    loss: np.ndarray


def evaluate(cohort: Cohort, split: str) -> Score:
    """Score the fully quantized network: no noise, quantized weights, running statistics.

    Args:
        cohort: whose lanes are scored.
        split: ``validation`` or ``test``.
    """
    data = cohort.split(split)
    cohort.harden()
    lanes = len(cohort.runs)
    hits = cohort.buffers.values.new_zeros(lanes)
    loss = hits.clone()
    # Of the network alone, so that a lane is scored alike in every cohort.
    examples = min(max(VALUES // cohort.plan.widest, 16), 256)
    for start in range(0, len(data), examples):
        part = slice(start, start + examples)
        logits = cohort.infer(spread(data.x[part], lanes))
        classes = data.y[part].expand(lanes, -1)
        hits += correct(logits, classes)
        loss += cross_entropy(logits, classes) * classes.shape[1]
    accuracy, mean = (total.double().cpu().numpy() / len(data) for total in (hits, loss))
    return Score(accuracy, mean)
