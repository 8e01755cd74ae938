"""Cross-entropy of a batch, its gradient, and how many examples are classified correctly."""

from __future__ import annotations

import math
from typing import Any

from qsched.native.compiler import compiled
from qsched.native.simd import (
    exp,
    fill,
    largest,
    load,
    maximum,
    select_ge,
    select_gt,
    spread,
    store,
    total,
    width,
)

__all__ = ["cross_entropy", "is_correct"]

LARGEST = 1e200


@compiled
def cross_entropy(
    work: Any,
    logits: int,
    grad: int,
    ld: int,
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
        examples: how many there are, B.
        labels: their classes.
        mask: 1 for each class, 0 for padding, [ld].

    Returns:
        Sum of the examples' cross-entropies; not finite where a logit is not.
    """
    loss, product, share = 0.0, 1.0, 1.0 / examples
    for b in range(examples):
        row, to, label = logits + b * ld, grad + b * ld, labels[b]
        top = _top(work, row, ld, mask)
        summed = fill(work, 0.0)
        for c in range(0, ld, width(work)):
            e = exp(load(work, row + c) - top) * load(mask, c)
            store(work, to + c, e)
            summed = summed + e
        mass = total(summed)
        # A logarithm for many examples: that of the product of what they sum up to.
        product *= mass
        if not product < LARGEST:
            loss, product = loss + math.log(product), 1.0
        loss += top - work[row + label]
        for c in range(0, ld, width(work)):
            store(work, to + c, load(work, to + c) * (share / mass))
        work[to + label] -= share
    return loss + math.log(product)


@compiled
def is_correct(work: Any, row: int, ld: int, label: int, mask: Any) -> bool:
    """Return whether no logit is larger than that of the class; NaN is never correct."""
    picked, zero = spread(work, row + label), fill(work, 0.0)
    larger = zero
    for c in range(0, ld, width(work)):
        larger = larger + select_ge(picked, load(work, row + c), zero, load(mask, c))
    return bool(total(larger) == 0)


@compiled
def _top(work: Any, row: int, ld: int, mask: Any) -> Any:
    """Return the largest logit."""
    zero, lowest = fill(work, 0.0), fill(work, -math.inf)
    top = lowest
    for c in range(0, ld, width(work)):
        top = maximum(top, select_gt(load(mask, c), zero, load(work, row + c), lowest))
    return largest(top)
