"""Accuracy of a hard network, in integers."""

from __future__ import annotations

import numpy as np

from qsched.deploy.execute import logits
from qsched.deploy.integer import integer_network
from qsched.deploy.records import HardNetwork

__all__ = ["accuracy"]


def accuracy(network: HardNetwork, x: np.ndarray, y: np.ndarray) -> float:
    """Return the share of examples whose largest logit is that of their class.

    Of equal logits the first counts.

    Args:
        network: the hard network.
        x: inputs [N, ...], as in training.
        y: classes [N].
    """
    return float(np.mean(logits(integer_network(network), x).argmax(axis=1) == y))
