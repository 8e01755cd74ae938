"""A cohort: runs of one task and length, trained as one batched computation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qsched.lanes.annealing import Epoch
from qsched.lanes.buffers import Buffers
from qsched.lanes.coefficients import coefficients
from qsched.lanes.incremental import Incremental
from qsched.lanes.modes import Mode, frozen_counts, weight_segments
from qsched.lanes.network import Network
from qsched.lanes.optimizers import clip, make_optimizer
from qsched.lanes.parameters import initial_values
from qsched.lanes.plan import Node
from qsched.lanes.quantize import ActivationQuantizer, WeightQuantizer
from qsched.lanes.streams import lane_keys, noise_keys
from qsched.levels import level_stair
from qsched.quantizers import codebook
from qsched.schedules import FROZEN, MEAN
from qsched.specs import Run
from qsched.tasks import task_plan
from qsched.training.data import BatchOrder, Resident, gather, resident
from qsched.training.loss import cross_entropy_gradient
from qsched.training.modes import modes, thresholds
from qsched.training.table import make_table
from qsched.training.trained import Parameters

__all__ = ["Cohort"]


class Cohort:
    """The state of runs that train together; lane i is run i.

    Args:
        runs: of one task and length; those of equal modes are neighbors.
        steps: number T of steps of the whole training.
        dtype: of parameters and activations.
        device: where they lie.
    """

    def __init__(
        self, runs: Sequence[Run], steps: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.runs, self.task, self.steps = list(runs), runs[0].task, steps
        self.dtype, self.device = dtype, device
        self.plan, self.flat = task_plan(self.task)
        self.data = self.split("train")
        self.modes = modes(self.runs, self.plan)
        self.table = make_table([run.schedule for run in runs], self.plan.places, steps)
        seeds = [run.seed for run in runs]
        augment = self.task.data.augment
        self.batches = BatchOrder(seeds, len(self.data), self.task.batch_size, augment)
        self.keys = lane_keys(seeds) if _samples(self.modes) else None
        values = torch.as_tensor(self._initial(), dtype=dtype, device=device)
        self.buffers = Buffers.of(values, self.plan)
        self.optimizer = make_optimizer(values, self.task.optimizer, self.plan.weights)
        self.incremental = self._incremental()
        self._assemble()

    def split(self, name: str) -> Resident:
        """Return one split of the task's data as tensors."""
        return resident(self.task.data, name, self.dtype, self.device, self.flat)

    def train(self, steps: range) -> Tensor:
        """Take the steps of one epoch; return the losses, [S, K]."""
        order = self.batches.epoch()[: len(steps)].to(self.device)
        crops = self.batches.crops()
        crops = None if crops is None else crops.to(self.device)
        rates = self._coefficients(steps)
        epoch = Epoch(self._controls(steps), self._keys(steps))
        self.weights.prepare(epoch)
        for quantizer in self.activations:
            quantizer.prepare(epoch)
        if self.incremental is not None:
            self.incremental.begin_epoch(self.buffers.values, steps.start)
        losses = []
        for i, step in enumerate(steps):
            self._events(step)
            epoch.step = i
            x, y = gather(self.data, order[i], None if crops is None else crops[i])
            losses.append(self._step(x, y, rates[i]))
        return torch.stack(losses)

    def sound(self) -> Tensor:
        """Return which lanes have only finite parameters, bool [K]."""
        return self.buffers.values.isfinite().all(1)

    def harden(self) -> None:
        """Make :meth:`infer` that of the hard network of the current parameters."""
        self.weights.harden()

    def infer(self, x: Tensor) -> Tensor:
        """Return the hard network's logits, [K, C, B]."""
        return self.network.infer(x)

    def parameters(self, lane: int) -> Parameters:
        """Return the parameters of one lane and the weights of its hard network."""
        self.harden()
        buffers = self.buffers
        rows = (buffers.values, buffers.effective, buffers.mean, buffers.variance)
        return Parameters(*(row[lane].double().cpu().numpy() for row in rows))

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all lanes but ``rows``; nothing changes for these."""
        index = torch.as_tensor(rows, device=self.device)
        self.runs = [self.runs[row] for row in rows]
        self.modes = [self.modes[row] for row in rows]
        self.table = self.table.keep(rows)
        self.batches.keep(rows)
        self.keys = None if self.keys is None else self.keys[rows]
        self.buffers = self.buffers.keep(index)
        self.optimizer.keep(index)
        if self.incremental is not None:
            self.incremental.keep(rows, index, weight_segments(self.modes, self.plan))
        self._assemble()

    def _step(self, x: Tensor, y: Tensor, coefficients: Tensor) -> Tensor:
        buffers = self.buffers
        self.weights.forward()
        loss, grad = cross_entropy_gradient(self.network.forward(x), y)
        self.network.backward(grad)
        self.weights.backward()
        if self.task.optimizer.clip is not None:
            clip(buffers.grads, self.task.optimizer.clip)
        self.optimizer.step(buffers.values, buffers.grads, coefficients)
        if self.incremental is not None:
            self.incremental.hold(buffers.values)
        return loss

    def _events(self, step: int) -> None:
        cleared = self.table.clears(step)
        if cleared.size:
            self.optimizer.clear(torch.as_tensor(cleared, device=self.device))
        if self.incremental is not None:
            self.incremental.advance(self.buffers.values, step)

    def _assemble(self) -> None:
        precision = self.task.precision
        stair = level_stair(precision.weights, 1.0)
        self.weights = WeightQuantizer(
            self.plan, self.modes, stair, self.incremental, self.buffers
        )
        self.activations: list[ActivationQuantizer] = []
        self.network = Network(self.plan, self.buffers, self._activation)

    def _activation(self, node: Node) -> ActivationQuantizer:
        modes = [lane[node.site] for lane in self.modes]
        stair = level_stair(self.task.precision.activations, None)
        self.activations.append(ActivationQuantizer(node, modes, stair, self.buffers.values))
        return self.activations[-1]

    def _controls(self, steps: range) -> np.ndarray:
        """Return the control values of one epoch, [S, 4, Q, K]."""
        rows = self.table.controls[:, steps.start : steps.stop][self.table.index]
        return np.moveaxis(rows, 0, -1)

    def _coefficients(self, steps: range) -> Tensor:
        """Return the optimizer's coefficients of one epoch, [S, 2, K]."""
        part = slice(steps.start, steps.stop)
        rates, ages = (
            table[:, part][self.table.index].T for table in (self.table.rates, self.table.ages)
        )
        rows = np.moveaxis(coefficients(self.task.optimizer, rates, ages), 0, 1)
        return torch.as_tensor(rows, dtype=self.dtype, device=self.device)

    def _keys(self, steps: range) -> Tensor | None:
        """Return the noise keys of one epoch, [S, Q, K, 2]."""
        if self.keys is None:
            return None
        words = noise_keys(self.keys, steps, len(self.plan.places))
        return torch.as_tensor(words, device=self.device)

    def _incremental(self) -> Incremental | None:
        segments = weight_segments(self.modes, self.plan)
        if all(segment.mode.kind != "inq" for segment in segments):
            return None
        return Incremental(
            self.plan,
            segments,
            codebook(self.task.precision.weights),
            frozen_counts(self.table.controls[:, :, FROZEN], self.plan),
            self.table.index,
            [run.seed for run in self.runs],
            self.buffers.values,
        )

    def _initial(self) -> np.ndarray:
        """Return the initial parameters of all lanes, [K, P]."""
        weights = level_stair(self.task.precision.weights, 1.0)
        means = self.table.controls[self.table.index, 0, MEAN]
        return np.stack(
            [
                initial_values(self.plan, run.seed, thresholds(mode, mean, self.plan, weights))
                for run, mode, mean in zip(self.runs, self.modes, means, strict=True)
            ]
        )


def _samples(lanes: list[tuple[Mode, ...]]) -> bool:
    return any(mode.forward == "random" and mode.kind == "ana" for row in lanes for mode in row)
