"""Networks that are PyTorch models of a user's own, not layers of the lane engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qsched.lanes.layers import Layer
from qsched.specs import Run, RunResult, TaskSpec

if TYPE_CHECKING:
    import torch

__all__ = ["OwnNetwork"]


class OwnNetwork(ABC):
    """An entry of the table of networks that builds a PyTorch model.

    Where all layers of the model have lane versions, :meth:`layers` returns them and training goes
    on as for bundled networks; else the network trains its runs itself.
    """

    @abstractmethod
    def layers(self, width: int | None, classes: int) -> tuple[Layer, ...] | str:
        """Return the layers of the lane engine, or why there are none."""

    @abstractmethod
    def check(self, task: TaskSpec) -> str:
        """Build the model of a task once; return how its runs will be trained, and why.

        Raises:
            InputError: it cannot be built, quantized or computed.
        """

    @abstractmethod
    def train(
        self, runs: Sequence[Run], dtype: torch.dtype, device: torch.device
    ) -> list[RunResult]:
        """Train runs of one task and length; as :func:`qsched.training.train`."""
