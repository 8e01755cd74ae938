"""Which engine trains a task; answered without PyTorch and Numba."""

from __future__ import annotations

import os

from qsched.errors import InputError, UnknownNameError
from qsched.native import covers
from qsched.specs import TaskSpec
from qsched.tasks.load import own_network
from qsched.tasks.plan import task_plan

__all__ = ["is_native", "trains_alone"]

ENGINES = ("auto", "torch", "native")


def is_native(task: TaskSpec, device: str = "cpu", engine: str | None = None) -> bool:
    """Return whether native lanes train a task, and not torch lanes.

    Args:
        task: a task whose network is made of layers.
        device: a torch device.
        engine: ``torch`` or ``native`` lanes; ``auto`` takes native lanes where these cover the
            task. None is the environment variable QSCHED_ENGINE, or ``auto`` if that is not set.

    Raises:
        UnknownNameError: there is no such engine.
        InputError: data or network of the task cannot be built, or native lanes are asked for
            that do not cover the task.
    """
    engine = engine or os.environ.get("QSCHED_ENGINE") or "auto"
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    why = None if engine == "torch" else _uncovered(task, device)
    if engine == "native" and why is not None:
        raise InputError(f"native lanes cannot train this: {why}; use the engine `torch`")
    return engine != "torch" and why is None


def trains_alone(task: TaskSpec) -> bool:
    """Return whether each run of a task is computed by itself, on CPUs.

    Then a cohort of few runs trains as fast, for each of them, as one of many.

    Raises:
        UnknownNameError, InputError: as of :func:`is_native`.
    """
    return own_network(task) is None and is_native(task)


def _uncovered(task: TaskSpec, device: str) -> str | None:
    if device.partition(":")[0] != "cpu":
        return f"the device is {device}"
    return covers(task_plan(task)[0], task)
