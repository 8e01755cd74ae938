"""The learning rate of a schedule in the parameter groups of an optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer

from qsched.errors import InputError, UnknownNameError

__all__ = ["Combination", "base_rates", "set_rates"]

Combination = Literal["schedule", "scale", "keep"]

_BASE = "qsched_base_lr"
"""Where a group keeps its own rate: in the group, so that optimizer checkpoints hold it."""


def base_rates(optimizers: Sequence[Optimizer], how: Combination) -> None:
    """Note the learning rates that the parameter groups have before any schedule.

    Raises:
        UnknownNameError: no such combination.
        InputError: no group has a learning rate > 0.
    """
    if how not in ("schedule", "scale", "keep"):
        raise UnknownNameError("learning_rate", how, ("schedule", "scale", "keep"))
    if how == "keep":
        return
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            _note(group)
        if not max(group[_BASE] for group in optimizer.param_groups) > 0:
            raise InputError(
                "a parameter group must have a learning rate > 0 for a schedule to set, but all "
                'are 0; give the optimizer one, or attach with learning_rate="keep"'
            )


def set_rates(
    optimizers: Sequence[Optimizer], how: Combination, rate: float, initial: float
) -> None:
    """Set the learning rates of all parameter groups.

    With the group's own rate b and the largest one B of its optimizer: ``schedule`` sets
    rate b / B, ``scale`` sets b rate / initial, ``keep`` sets nothing.
    """
    if how == "keep":
        return
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            _note(group)
        largest = max(group[_BASE] for group in optimizer.param_groups)
        for group in optimizer.param_groups:
            value = group[_BASE] * (rate / (largest if how == "schedule" else initial))
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(value)
            else:
                group["lr"] = value


def _note(group: dict[str, Any]) -> None:
    # Where there is a scheduler, torch keeps the rate that the group had before it there.
    group.setdefault(_BASE, float(group.get("initial_lr", group["lr"])))
