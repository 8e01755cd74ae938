"""Noise annealing of lanes of one mode: from control values to the quantizers' coefficients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from qsched.lanes.modes import Mode
from qsched.quantizers import Plan as Coefficients
from qsched.quantizers import (
    Stair,
    ana_backward,
    ana_forward,
    backward_plan,
    forward_plan,
    hard,
)
from qsched.quantizers.kernels import Forward
from qsched.schedules import BACKWARD_STD, FORWARD_STD, MEAN

__all__ = ["Annealing", "Epoch", "Expand"]

Expand = Callable[[Tensor, Tensor | None], Tensor]


@dataclass
class Epoch:
    """What the schedules say in one epoch, and at which of its steps training is.

    Attributes:
        controls: [S, 4, Q, K]: steps, columns of :data:`qsched.schedules.CONTROLS`, quantizers,
            lanes.
        keys: [S, Q, K, 2] int32, keys of the noise; None where no lane samples.
        step: the current one of the S steps.
    """

    controls: np.ndarray
    keys: Tensor | None = None
    step: int = 0


class Annealing:
    """A quantizer of some lanes over one epoch.

    Coefficients of all steps are made at once. A step spreads its own to the shape of the input,
    or takes over those of the step before where the schedules stand still.

    Args:
        controls: [S, 4, ...]; the other axes are lanes and quantizers.
        mode: family and forward strategy.
        stair: the stair function.
        like: gives dtype and device.
        expand: makes a tensor [R, ...] of some values for all lanes and quantizers broadcast, but
            for its first axis, to the input; may write into its second argument, its last result.
    """

    def __init__(
        self, controls: np.ndarray, mode: Mode, stair: Stair, like: Tensor, expand: Expand
    ) -> None:
        self.mode, self.stair = mode, stair
        std, mean, backward_std = (
            torch.as_tensor(controls[:, column], dtype=like.dtype, device=like.device)
            for column in (FORWARD_STD, MEAN, BACKWARD_STD)
        )
        shift = mean if controls[:, MEAN].any() else None
        forward = forward_plan(std, shift, stair=stair, family=mode.family)
        backward = backward_plan(backward_std, shift, stair=stair, family=mode.family)
        moves, moves_backward = (
            _changes(controls[:, [column, MEAN]]) for column in (FORWARD_STD, BACKWARD_STD)
        )
        self.forwards = _Course(forward, moves, expand)
        self.backwards = _Course(backward, moves_backward, expand)
        means = Coefficients(stair, forward.family, forward.kind, mean.unsqueeze(0))
        self.means = None if shift is None else _Course(means, moves, expand)
        steps = range(len(controls))
        self.noisy = [bool(controls[step, FORWARD_STD].any()) for step in steps]

    def forward(self, step: int, x: Tensor, noise: Tensor | None, out: Tensor) -> None:
        """Write what the quantizer puts out in training at ``step`` of the epoch."""
        if self.noisy[step]:
            forward = cast("Forward", self.mode.forward)
            ana_forward(x, self.forwards.at(step), forward=forward, uniform=noise, out=out)
        else:
            mean = None if self.means is None else self.means.at(step).rows[0]
            hard(x, self.stair, mean, out=out)

    def backward(self, step: int, grad: Tensor, x: Tensor, out: Tensor) -> None:
        """Write the gradient with respect to ``x``."""
        ana_backward(grad, x, self.backwards.at(step), out=out)


class _Course:
    """The coefficients of one pass, step by step."""

    def __init__(self, plan: Coefficients, changes: list[bool], expand: Expand) -> None:
        self.plan, self.changes, self.expand = plan, changes, expand
        self.current: Coefficients | None = None

    def at(self, step: int) -> Coefficients:
        if self.current is None or self.changes[step]:
            plan = self.plan
            last = None if self.current is None else self.current.rows
            rows = self.expand(plan.rows[:, step], last)
            self.current = Coefficients(plan.stair, plan.family, plan.kind, rows)
        return self.current


def _changes(controls: np.ndarray) -> list[bool]:
    """Return for each step whether any value differs from the step before."""
    rows = controls.reshape(len(controls), -1)
    return [True, *(rows[1:] != rows[:-1]).any(axis=1).tolist()]
