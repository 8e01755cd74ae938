"""Training: a cohort goes to native lanes where these cover its task, else to torch lanes.

A user's own model without a lane version trains its runs itself. torch is imported where it
trains: it starts slowly, and native lanes do without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qsched.errors import InputError, TrainingError
from qsched.schedules import LearningRate, Schedule
from qsched.specs import Run, RunResult, TaskSpec
from qsched.tasks import is_native, own_network, task_plan, trains_alone
from qsched.training.trained import Parameters

if TYPE_CHECKING:
    import torch

__all__ = ["prepare", "train", "train_one"]


def prepare(task: TaskSpec) -> None:
    """Load what training a task takes, so that its first cohort need not: data, compiled code.

    Args:
        task: what will be trained, on CPUs.

    Raises:
        InputError: data or network of the task cannot be built, or native lanes are asked for
            that do not cover the task.
    """
    if trains_alone(task):
        from qsched.training import native  # Numba is optional.

        rate = LearningRate(initial=task.optimizer.learning_rate)
        native.prepare(Run(task=task, schedule=Schedule(learning_rate=rate), seed=0))


def train(
    runs: Sequence[Run],
    *,
    dtype: torch.dtype | str = "float32",
    device: str = "cpu",
    engine: str | None = None,
) -> list[RunResult]:
    """Train a cohort: runs of one task and length, each with its own schedule and seed.

    A run's result does not depend on the other runs, nor on its place among them, up to rounding.
    A run whose loss or parameters stop being finite ends as ``failed``; the others go on.

    Args:
        runs: the cohort; all of one task and one length.
        dtype: of parameters and activations: a torch dtype, or its name.
        device: a torch device.
        engine: ``torch`` or ``native`` lanes; ``auto`` takes native lanes where these cover the
            task. None is the environment variable QSCHED_ENGINE, or ``auto`` if that is not set.

    Returns:
        One result a run, in the order of ``runs``.

    Raises:
        TrainingError: the runs differ in task or length.
        InputError: data or network of the task cannot be built, the batch size is larger than
            the training split, an override of a schedule matches no quantizer of the network, or
            native lanes are asked for that do not cover the task.
    """
    if not runs:
        return []
    if len({(run.task, run.length) for run in runs}) > 1:
        raise TrainingError("runs of one cohort must share task and length; split them first")
    own = own_network(runs[0].task)
    if own is not None:
        return own.train(runs, *_of_torch(dtype, device))
    _check_overrides(runs)
    if is_native(runs[0].task, device, engine):
        from qsched.training import native  # Numba is optional.

        return native.train(runs, dtype=_name(dtype))
    from qsched.training import torch_lanes

    return torch_lanes.train(runs, *_of_torch(dtype, device))


def train_one(
    run: Run,
    *,
    dtype: torch.dtype | str = "float32",
    device: str = "cpu",
    engine: str | None = None,
) -> tuple[RunResult, Parameters]:
    """Train one run as :func:`train` does, and return its parameters, too.

    Args:
        run: what is trained.
        dtype: as of :func:`train`.
        device: as of :func:`train`.
        engine: as of :func:`train`.

    Returns:
        The result, and the parameters at the end (of a failed run, at the point where it failed).

    Raises:
        InputError: as of :func:`train`.
    """
    _check_overrides([run])
    if is_native(run.task, device, engine):
        from qsched.training import native  # Numba is optional.

        return native.train_one(run, dtype=_name(dtype))
    from qsched.training import torch_lanes

    return torch_lanes.train_one(run, *_of_torch(dtype, device))


def _name(dtype: torch.dtype | str) -> str:
    return str(dtype).removeprefix("torch.")


def _of_torch(dtype: torch.dtype | str, device: str) -> tuple[torch.dtype, torch.device]:
    import torch

    return getattr(torch, _name(dtype)), torch.device(device)


def _check_overrides(runs: Sequence[Run]) -> None:
    """Refuse schedules with exceptions for quantizers that the network does not have."""
    places = task_plan(runs[0].task)[0].places
    for schedule in {run.schedule for run in runs if run.schedule.overrides}:
        faults = [message for _, message in schedule.unmatched(places)]
        if faults:
            raise InputError("; ".join(faults))
