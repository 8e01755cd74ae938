"""Which tasks native lanes can train."""

from __future__ import annotations

from importlib.util import find_spec

from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Linear,
    MaxPool,
)
from qsched.lanes.plan import Plan
from qsched.specs import TaskSpec

__all__ = ["covers"]

LAYERS = Linear, Conv, BatchNorm, Activation, MaxPool, GlobalAveragePool, Flatten


def covers(plan: Plan, task: TaskSpec) -> str | None:
    """Return why native lanes cannot train a task; None where they can.

    Args:
        plan: the task's network.
        task: the task.
    """
    if find_spec("numba") is None:
        return "Numba is not installed; install qsched[native]"
    if task.data.augment:
        return "training images are augmented"
    if len(plan.nodes[-1].outputs) != 1:
        return "the network puts out images"
    for node in plan.nodes:
        if not isinstance(node.layer, LAYERS):
            return f"the layer {type(node.layer).__name__} is not covered"
    first = next(node for node in plan.nodes if not isinstance(node.layer, Flatten))
    if not isinstance(first.layer, Linear | Conv):
        return f"{type(first.layer).__name__} is the first layer"
    return None
