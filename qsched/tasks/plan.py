"""A task before it is trained: its network laid out, and its steps counted; without PyTorch."""

from __future__ import annotations

from functools import lru_cache

from qsched.errors import InputError
from qsched.lanes.layers import Flatten
from qsched.lanes.plan import Plan, make_plan
from qsched.specs import Run, TaskSpec
from qsched.tasks.load import build_network, load_data

__all__ = ["step_counts", "task_plan"]


@lru_cache(maxsize=8)
def task_plan(task: TaskSpec) -> tuple[Plan, bool]:
    """Return a task's plan, and whether its images are flattened once, on loading.

    Raises:
        InputError: data or network cannot be built, or there is nothing to quantize.
    """
    data = load_data(task.data)
    layers = build_network(task, data.classes)
    plan = make_plan(layers, data.shape)
    if not plan.places:
        raise InputError(
            "a task needs weights or activations to quantize, but the network "
            f"`{task.network.name}` has none besides its first or last layer, which "
            "task.precision leaves in full precision; set precision.last or precision.first to "
            "true, or add a hidden layer and an activation"
        )
    return plan, isinstance(layers[0], Flatten) and not data.augment


def step_counts(run: Run, examples: int) -> tuple[int, int]:
    """Return the steps of one epoch and of the whole training of ``run``.

    Args:
        run: what is trained.
        examples: size of the training split.

    Raises:
        InputError: a batch is larger than the training split.
    """
    task = run.task
    epoch = examples // task.batch_size
    if epoch == 0:
        raise InputError(
            f"the batch size must not exceed the {examples} training examples, but is "
            f"{task.batch_size}; lower batch_size or raise data.train"
        )
    return epoch, max(1, round(task.epochs * epoch * run.length))
