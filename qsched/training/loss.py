"""Cross-entropy of all lanes, with its gradient."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["correct", "cross_entropy", "cross_entropy_gradient"]


def cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Return every lane's mean cross-entropy.

    Args:
        logits: [K, C, B].
        classes: [K, B].

    Returns:
        [K].
    """
    return _pick(torch.log_softmax(logits, 1), classes).mean(1).neg_()


def cross_entropy_gradient(logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Return every lane's mean cross-entropy [K] and its gradient [K, C, B]."""
    logs = torch.log_softmax(logits, 1)
    loss = _pick(logs, classes).mean(1).neg_()
    grad = logs.exp_()
    index = classes.unsqueeze(1)
    grad.scatter_add_(1, index, grad.new_full((1, 1, 1), -1).expand(index.shape))
    return loss, grad.div_(logits.shape[2])


def correct(logits: Tensor, classes: Tensor) -> Tensor:
    """Return how many examples each lane classifies correctly, [K].

    The class must have the largest logit; NaN is never correct.
    """
    # Several times faster than argmax, which is slow on an axis that is not the last.
    return (_pick(logits, classes) >= logits.amax(1)).sum(1)


def _pick(logs: Tensor, classes: Tensor) -> Tensor:
    return logs.gather(1, classes.unsqueeze(1)).squeeze(1)
