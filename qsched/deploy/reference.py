"""What the trained network itself says, kept beside the integer network that was made of it.

Integers are compared with it on inputs that are rounded alike: what rounding inputs costs is told
apart from what integers cost, which is nothing but the rounding of a classifier in full precision.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from qsched.attachment.hard import HardLayer
from qsched.deploy.execute import BATCH, quantize
from qsched.deploy.integer import Logits, integer_network
from qsched.deploy.records import Floats, HardNetwork, Input, Reference

__all__ = [
    "KEPT",
    "Trained",
    "has_float_head",
    "made",
    "module_logits",
    "reference",
    "rounded",
    "tolerance",
]

KEPT = 64
"""A traced network keeps so many of its examples."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network.

    Attributes:
        logits: computes those of inputs [N, ...], [N, classes], by the code that trained it.
        float_head: whether its classifier is in full precision.
    """

    logits: Callable[[np.ndarray], Floats]
    float_head: bool


def module_logits(model: nn.Module, x: np.ndarray) -> Floats:
    """Return the logits of a converted model, computed in float64, [N, classes]."""
    device = next((t.device for t in [*model.parameters(), *model.buffers()]), torch.device("cpu"))
    wide = copy.deepcopy(model).double().eval()
    parts = torch.split(torch.from_numpy(np.ascontiguousarray(x, np.float64)), BATCH)
    with torch.inference_mode():
        found: Floats = torch.cat([wide(part.to(device)).cpu() for part in parts]).numpy()
    return found


def has_float_head(model: nn.Module) -> bool:
    """Return whether the last layer with weights of a converted model is in full precision."""
    weighty = [m for m in model.modules() if isinstance(m, HardLayer | nn.Linear | nn.Conv2d)]
    return bool(weighty) and not isinstance(weighty[-1], HardLayer)


def rounded(x: np.ndarray, spec: Input) -> np.ndarray:
    """Return inputs rounded as the integer network rounds them, in their own unit, float32."""
    values: np.ndarray = (quantize(x, spec) * spec.step).astype(np.float32)
    return values


def made(x: np.ndarray, spec: Input) -> str:
    """Return the sha256 of rounded inputs: which inputs logits were computed of."""
    return hashlib.sha256(quantize(x, spec).astype("<i4").tobytes()).hexdigest()


def reference(
    network: HardNetwork, trained: Trained, x: np.ndarray, *, keep: bool = False
) -> Reference:
    """Return what a trained network says of inputs that are rounded.

    Args:
        network: made of it.
        trained: itself.
        x: inputs [N, ...], as in training.
        keep: whether the inputs are kept, too.
    """
    logits = trained.logits(rounded(x, network.input))
    return Reference(
        logits,
        tolerance(network, trained.float_head) + 2.0**-22 * float(np.abs(logits).max()),
        made(x, network.input),
        np.asarray(x, np.float32) if keep else None,
    )


def tolerance(network: HardNetwork, float_head: bool) -> float:
    """Return how far rounding can move a logit: half a step of a weight for every input.

    Weights that are integers anyway move nothing; the offset of a logit is rounded once.
    """
    integers = integer_network(network)
    last = integers.nodes[-1].operation
    assert isinstance(last, Logits)
    if not float_head:
        return last.step
    before = integers.nodes[-3] if len(integers.nodes) > 2 else None
    low, high = (
        (before.low, before.high)
        if before is not None
        else (
            np.full(network.input.shape, side) for side in (network.input.low, network.input.high)
        )
    )
    inputs = float(np.maximum(np.abs(low), np.abs(high)).sum())
    # The step of a logit is that of a weight times the unit of the inputs, over the factor.
    return last.step * last.factor * inputs / 2 + last.step
