"""The state of a cohort: one row a lane, so that everything per lane is a row operation."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from qsched.lanes.plan import Block, Plan

__all__ = ["Buffers", "view"]


@dataclass
class Buffers:
    """The tensors of all lanes of a cohort, with P, Q and S of the :class:`Plan`.

    Attributes:
        values: parameters, [K, P].
        grads: their gradients, [K, P].
        effective: what layers compute with in place of quantized weights, [K, Q].
        effective_grads: their gradients, [K, Q].
        mean: running means, [K, S].
        variance: running variances, [K, S].
    """

    values: Tensor
    grads: Tensor
    effective: Tensor
    effective_grads: Tensor
    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, values: Tensor, plan: Plan) -> Buffers:
        """Return the state at the start of training, from initial parameters."""
        lanes = len(values)
        return cls(
            values,
            torch.zeros_like(values),
            values[:, : plan.quantized].clone(),
            values.new_zeros(lanes, plan.quantized),
            values.new_zeros(lanes, plan.statistics),
            values.new_ones(lanes, plan.statistics),
        )

    def keep(self, rows: Tensor) -> Buffers:
        """Return the state of the lanes ``rows`` (indices) only."""
        return Buffers(*(getattr(self, f.name).index_select(0, rows) for f in fields(self)))

    def weight(self, block: Block) -> tuple[Tensor, Tensor]:
        """Return views of the weights that layers compute with and their gradient, [K, *shape]."""
        if block.quantized:
            return view(self.effective, block), view(self.effective_grads, block)
        return view(self.values, block), view(self.grads, block)


def view(rows: Tensor, block: Block) -> Tensor:
    """Return one parameter of all lanes, [K, *shape], as a view of the rows [K, P]."""
    return rows[:, block.columns].view(len(rows), *block.shape)
