"""Cross-entropy of a batch, its gradient, and how many examples are classified correctly."""

from __future__ import annotations

import math
from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import exp, fill, load, store, total, width

__all__ = ["cross_entropy", "is_correct"]


@compiled
def cross_entropy(
    work: Any,
    logits: int,
    grad: int,
    ld: int,
    classes: int,
    examples: int,
    labels: Any,
    mask: Any,
) -> float:
    """Write the gradient of the mean cross-entropy of a batch; return the sum of it.

    Args:
        work: array of activations.
        logits: place of the logits in it, [B, ld].
        grad: where to write in it, [B, ld]; padding becomes 0.
        ld: length of a row.
        classes: how many of it are logits.
        examples: how many there are, B.
        labels: their classes.
        mask: 1 for each class, 0 for padding, [ld].

    Returns:
        Sum of the examples' cross-entropies; not finite where a logit is not.
    """
    loss, share = 0.0, 1.0 / examples
    for b in range(examples):
        row, to, label = logits + b * ld, grad + b * ld, labels[b]
        top = work[row]
        for c in range(1, classes):
            top = max(top, work[row + c])
        summed = fill(work, 0.0)
        for c in range(0, ld, width(work)):
            e = exp(load(work, row + c) - top) * load(mask, c)
            store(work, to + c, e)
            summed = summed + e
        mass = total(summed)
        loss += math.log(mass) - (work[row + label] - top)
        for c in range(0, ld, width(work)):
            store(work, to + c, load(work, to + c) * (share / mass))
        work[to + label] -= share
    return loss


@compiled
def is_correct(work: Any, row: int, classes: int, label: int) -> bool:
    """Return whether no logit is larger than that of the class; NaN is never correct."""
    picked = work[row + label]
    below = 0
    for c in range(classes):
        below += picked >= work[row + c]
    return below == classes
