"""Quantizers of all lanes: the weights in one call a step, activations in one call a layer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import torch
from torch import Tensor

from qsched.lanes.annealing import Annealing, Epoch
from qsched.lanes.buffers import Buffers
from qsched.lanes.incremental import Incremental
from qsched.lanes.modes import Mode, Segment, row_runs, weight_segments
from qsched.lanes.modules import Module
from qsched.lanes.noise import uniform
from qsched.lanes.plan import Node, Plan
from qsched.quantizers import Stair, hard

__all__ = ["ActivationQuantizer", "WeightQuantizer"]

aten = torch.ops.aten


class WeightQuantizer:
    """Quantizes the weights of all layers at once.

    Args:
        plan: the network.
        modes: of every lane; equal ones are neighbors.
        stair: of weights that anneal; None where none does.
        incremental: the state of lanes that freeze weights; None where none does.
        buffers: of the cohort: reads ``values``, writes ``effective``; reads ``effective_grads``,
            writes ``grads``.
    """

    def __init__(
        self,
        plan: Plan,
        modes: Sequence[tuple[Mode, ...]],
        stair: Stair | None,
        incremental: Incremental | None,
        buffers: Buffers,
    ) -> None:
        self.buffers, self.stair, self.incremental = buffers, stair, incremental
        self.segments = weight_segments(modes, plan)
        self.annealing: dict[tuple[int, int], Annealing] = {}
        self.sizes = [prod(block.shape) for block in plan.weight_blocks]

    def prepare(self, epoch: Epoch) -> None:
        """Make ready for the steps of an epoch."""
        self.epoch = epoch
        for segment in self.segments:
            if segment.mode.kind == "ana" and self.stair is not None:
                controls = epoch.controls[:, :, segment.sites, segment.rows].swapaxes(2, 3)
                equal = (controls == controls[..., :1]).all()
                expand = _first if equal else partial(_spread, self.sizes[segment.sites])
                self.annealing[segment.start] = Annealing(
                    controls, segment.mode, self.stair, self.buffers.values, expand
                )

    def forward(self) -> None:
        """Write the weights that layers compute with at this step."""
        for segment in self.segments:
            index = segment.rows, segment.columns
            x, out = self.buffers.values[index], self.buffers.effective[index]
            if segment.mode.kind == "ana":
                noise = self._noise(segment)
                self.annealing[segment.start].forward(self.epoch.step, x, noise, out)
            elif segment.mode.kind == "inq" and self.incremental is not None:
                self.incremental.forward(index, x, out)
            else:
                out.copy_(x)

    def backward(self) -> None:
        """Write the gradients of the parameters."""
        for segment in self.segments:
            index = segment.rows, segment.columns
            grad, out = self.buffers.effective_grads[index], self.buffers.grads[index]
            if segment.mode.kind == "ana":
                x = self.buffers.values[index]
                self.annealing[segment.start].backward(self.epoch.step, grad, x, out)
            elif segment.mode.kind == "inq" and self.incremental is not None:
                self.incremental.backward(index, grad, out)
            else:
                out.copy_(grad)

    def harden(self) -> None:
        """Write the weights of the hard network."""
        for segment in self.segments:
            index = segment.rows, segment.columns
            x, out = self.buffers.values[index], self.buffers.effective[index]
            if segment.mode.kind == "ana" and self.stair is not None:
                hard(x, self.stair, out=out)
            elif segment.mode.kind == "inq" and self.incremental is not None:
                self.incremental.harden(segment, self.buffers.values, self.buffers.effective)
            else:
                out.copy_(x)

    def _noise(self, segment: Segment) -> Tensor | None:
        if segment.mode.forward != "random" or self.epoch.keys is None:
            return None
        keys = self.epoch.keys[self.epoch.step, 0, segment.rows]
        dtype = self.buffers.values.dtype
        return uniform(keys, (sum(self.sizes),), dtype)[:, segment.columns]


def _spread(sizes: list[int], values: Tensor, out: Tensor | None) -> Tensor:
    """Repeat the columns of [R, k, q], one a tensor, to the sizes of the tensors.

    Filling memory part by part is several times faster on a CPU than an index.
    """
    if out is None:
        out = values.new_empty(*values.shape[:2], sum(sizes))
    start = 0
    for column, size in enumerate(sizes):
        out[:, :, start : start + size] = values[:, :, column, None]
        start += size
    return out


def _first(values: Tensor, out: Tensor | None) -> Tensor:
    """Let one column of [R, k, q] stand for all."""
    return values[:, :, :1]


def _append(axes: tuple[int, ...], values: Tensor, out: Tensor | None) -> Tensor:
    """Let [R, k] broadcast to what lies behind the lane axis."""
    return values.reshape(*values.shape, *axes)


class ActivationQuantizer(Module):
    """The activation quantizer of one layer.

    Args:
        node: the activation.
        modes: of this quantizer in every lane; equal ones are neighbors.
        stair: of activations that anneal; None where none does.
        like: gives dtype and device.
    """

    def __init__(
        self, node: Node, modes: Sequence[Mode], stair: Stair | None, like: Tensor
    ) -> None:
        self.like = like
        self.site, self.stair, self.lanes = node.site, stair, len(modes)
        self.axis = 0 if len(node.inputs) == 1 else 1
        self.groups = [(rows, modes[first]) for rows, first in row_runs(modes)]
        self.annealing: dict[int, Annealing] = {}

    def prepare(self, epoch: Epoch) -> None:
        """Make ready for the steps of an epoch."""
        self.epoch = epoch
        for rows, mode in self.groups:
            if mode.kind == "ana" and self.stair is not None:
                self.annealing[rows.start] = Annealing(
                    epoch.controls[:, :, self.site, rows],
                    mode,
                    self.stair,
                    self.like,
                    partial(_append, (1,) * (2 if self.axis == 0 else 3)),
                )

    def forward(self, x: Tensor) -> Tensor:
        self.x, out = x, torch.empty_like(x)
        for rows, mode in self.groups:
            part, result = self._part(x, rows), self._part(out, rows)
            if mode.kind == "ana":
                noise = self._noise(part, rows, mode)
                self.annealing[rows.start].forward(self.epoch.step, part, noise, result)
            else:
                torch.clamp(part, -1, 1, out=result)
        return out

    def backward(self, grad: Tensor) -> Tensor:
        given = torch.empty_like(grad)
        for rows, mode in self.groups:
            part, x, result = (self._part(t, rows) for t in (grad, self.x, given))
            if mode.kind == "ana":
                self.annealing[rows.start].backward(self.epoch.step, part, x, result)
            else:
                result.copy_(aten.hardtanh_backward(part, x, -1, 1))
        return given

    def infer(self, x: Tensor) -> Tensor:
        out = torch.empty_like(x)
        for rows, mode in self.groups:
            part, result = self._part(x, rows), self._part(out, rows)
            if mode.kind == "ana" and self.stair is not None:
                hard(part, self.stair, out=result)
            else:
                torch.clamp(part, -1, 1, out=result)
        return out

    def _part(self, x: Tensor, rows: slice) -> Tensor:
        """Return some lanes of features [K, D, B], or of images as [B, K, C, H, W]."""
        whole = x if self.axis == 0 else x.view(len(x), self.lanes, -1, *x.shape[2:])
        if len(self.groups) == 1:
            return whole
        return whole.narrow(self.axis, rows.start, rows.stop - rows.start)

    def _noise(self, part: Tensor, rows: slice, mode: Mode) -> Tensor | None:
        if mode.forward != "random" or self.epoch.keys is None:
            return None
        shape = list(part.shape)
        del shape[self.axis]
        keys = self.epoch.keys[self.epoch.step, self.site, rows]
        return uniform(keys, tuple(shape), part.dtype).movedim(0, self.axis)
