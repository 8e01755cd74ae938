"""The quantizers inside a model: modules that hold the control values of the step at hand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from qsched.attachment.ops import anneal, harden
from qsched.quantizers import stair
from qsched.schedules import FORWARD_STD, MEAN, Ana, Inq, Place

__all__ = ["STE", "ActivationQuantizer", "Quantizer"]

STE = Ana(forward="mode", forward_std=0.0, backward_std=12**-0.5, backward_floor=1.0)
"""What quantizers do until a schedule is attached: clipped straight-through estimation."""


class Quantizer(nn.Module, ABC):
    """One quantizer of a model.

    Args:
        place: where it stands.
        levels: name of its levels.
        method: what it does in training; None is full precision.
        like: gives dtype and device.

    Attributes:
        controls: buffer [4], the columns of :data:`qsched.schedules.CONTROLS` at this step.
        keys: buffer [2] int32, keys of this step's noise.
    """

    controls: Tensor
    keys: Tensor

    def __init__(self, place: Place, levels: str, method: Ana | Inq | None, like: Tensor) -> None:
        super().__init__()
        self.place, self.levels, self.method = place, levels, method
        wide = torch.promote_types(like.dtype, torch.float32)
        row = torch.zeros(4, dtype=wide, device=like.device)
        if isinstance(method, Ana):
            row[:3] = torch.tensor([method.forward_std, method.mean, method.backward_std])
        self.register_buffer("controls", row)
        keys = torch.zeros(2, dtype=torch.int32, device=like.device)
        self.register_buffer("keys", keys, persistent=False)

    @property
    @abstractmethod
    def remaining(self) -> str | None:
        """What is left to quantize, in words; None if nothing is."""

    @torch.no_grad()
    def set_controls(self, row: np.ndarray) -> None:
        """Write the control values [4] of a step."""
        self.controls.copy_(torch.from_numpy(row))

    @torch.no_grad()
    def set_keys(self, keys: np.ndarray) -> None:
        """Write the keys [2] of a step's noise."""
        self.keys.copy_(torch.from_numpy(keys))

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        # A model in half precision has exact control values all the same.
        exact = self.controls
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if torch.promote_types(self.controls.dtype, torch.float32) != self.controls.dtype:
            self.controls = exact.to(self.controls.device)
        return self

    def extra_repr(self) -> str:
        kind = self.method.kind if self.method else "full precision"
        return f"{self.levels}, {kind}, depth {self.place.depth:.3g}"

    def noise_left(self) -> str | None:
        """Return what noise an annealed quantizer still has, in words."""
        std, mean = self.controls[[FORWARD_STD, MEAN]].tolist()
        if self.method is None or (std == 0 and mean == 0):
            return None
        return f"noise of standard deviation {std:.3g} and mean {mean:.3g}"

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, metadata: Any, strict: bool, missing: Any, *rest: Any
    ) -> None:
        # The state dict of the float model knows nothing of quantizers: that is no fault.
        known = any(key.startswith(prefix) for key in state_dict)
        lost = missing if known else []
        super()._load_from_state_dict(state_dict, prefix, metadata, strict, lost, *rest)


class ActivationQuantizer(Quantizer):
    """An annealed stair function in the place of an activation.

    Args:
        place, levels, method, like: as of :class:`Quantizer`.
        replaced: the activation it stands for, which is used where the method is None.
    """

    def __init__(
        self, place: Place, levels: str, method: Ana | None, like: Tensor, replaced: nn.Module
    ) -> None:
        super().__init__(place, levels, method, like)
        self.replaced = replaced
        self.quantum = stair(levels).quantum

    @property
    def remaining(self) -> str | None:
        return self.noise_left()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor
        if not isinstance(self.method, Ana):
            y = self.replaced(x)
            return y
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        if not self.training:
            y = harden(wide.detach(), self.levels, self.quantum)
            return y.to(x.dtype)
        static = self.levels, self.quantum, self.method.family, self.method.forward
        y = anneal(wide, self.controls, self.keys, *static)
        return y.to(x.dtype)
