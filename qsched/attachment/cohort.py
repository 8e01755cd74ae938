"""Runs of a user's own model that train together: torch.func over a leading lane axis."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from qsched.attachment.controller import attach
from qsched.attachment.convert import convert
from qsched.attachment.draws import partition_draws
from qsched.attachment.quantizer import Quantizer
from qsched.attachment.weights import IncrementalWeights
from qsched.lanes.coefficients import coefficients
from qsched.lanes.optimizers import Optimizer, clip, make_optimizer
from qsched.lanes.streams import lane_keys, noise_keys
from qsched.levels import frozen_count
from qsched.quantizers import Frozen, codebook, grow, hold
from qsched.schedules import FROZEN, Inq, Schedule
from qsched.specs import Run
from qsched.tasks.augment import crop_and_flip
from qsched.training.data import BatchOrder, Resident, resident
from qsched.training.evaluate import Score
from qsched.training.table import make_table

__all__ = ["ModelCohort", "hardened"]

EXAMPLES = 256
"""How many examples are evaluated at a time."""

STATE = ("frozen", "fixed", "held", "scale")


class ModelCohort:
    """Models of one structure, one a run, as one batched computation; lane i is run i.

    Parameters of all lanes are rows of one tensor, on which the optimizers of torch lanes work.

    Args:
        runs: of one task and length.
        models: quantized models of the runs, alike but for their numbers.
        steps: number T of steps of the whole training.
        dtype, device: of the parameters.
        vmapped: compute all lanes at once; else there must be one, computed plainly.
    """

    values: Tensor
    buffers: dict[str, Tensor]
    columns: dict[str, tuple[slice, torch.Size]]
    optimizer: Optimizer

    def __init__(
        self,
        runs: Sequence[Run],
        models: Sequence[nn.Module],
        steps: int,
        dtype: torch.dtype,
        device: torch.device,
        *,
        vmapped: bool,
    ) -> None:
        self.runs, self.task, self.vmapped = list(runs), runs[0].task, vmapped
        self.dtype, self.device, self.model = dtype, device, models[0]
        self._lay_out(models)
        quantizers = {
            q: name for name, q in self.model.named_modules() if isinstance(q, Quantizer)
        }
        ordered = [q for q in quantizers if q.place.role == "weights"]
        ordered += [q for q in quantizers if q.place.role == "activations"]
        self.names = [quantizers[quantizer] for quantizer in ordered]
        places = [quantizer.place for quantizer in ordered]
        self.table = make_table([run.schedule for run in runs], places, steps)
        self.incremental = [
            (site, name.removesuffix(".quantizer"), quantizer.method)
            for site, (name, quantizer) in enumerate(zip(self.names, ordered, strict=True))
            if isinstance(quantizer, IncrementalWeights) and isinstance(quantizer.method, Inq)
        ]
        seeds = [run.seed for run in runs]
        self.keys = lane_keys(seeds)
        self.data = self.split("train")
        augment = self.task.data.augment
        self.batches = BatchOrder(seeds, len(self.data), self.task.batch_size, augment)
        self.epoch = -1

    @torch.no_grad()
    def hard(self, lane: int) -> nn.Module:
        """Return the hard network of one lane, as :func:`qsched.convert` makes it."""
        model, rows = copy.deepcopy(self.model), self.values[lane]
        state = {
            name: rows[columns].view(shape) for name, (columns, shape) in self.columns.items()
        } | {name: buffer[lane] for name, buffer in self.buffers.items()}
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            tensor.copy_(state[name])
        return hardened(model, self.runs[lane].schedule)

    def split(self, name: str) -> Resident:
        """Return one split of the task's data as tensors."""
        return resident(self.task.data, name, self.dtype, self.device, False)

    def train(self, steps: range) -> Tensor:
        """Take the steps of one epoch; return the losses, [S, K]."""
        self.model.train()
        self.epoch += 1
        order = self.batches.epoch()[: len(steps)].to(self.device)
        crops = self.batches.crops()
        rates, ages = (t[self.table.index][:, steps] for t in (self.table.rates, self.table.ages))
        table = np.moveaxis(coefficients(self.task.optimizer, rates, ages), 2, 0)
        self._redraw(steps.start)
        losses = []
        for i, step in enumerate(steps):
            self._prepare(step)
            x, y = self._gather(order[i], None if crops is None else crops[i].to(self.device))
            rows = torch.as_tensor(table[i], dtype=self.dtype, device=self.device)
            losses.append(self._step(x, y, rows))
        return torch.stack(losses)

    def sound(self) -> Tensor:
        """Return which lanes have only finite parameters, bool [K]."""
        return self.values.isfinite().all(1)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all lanes but ``rows``; nothing changes for these."""
        index = torch.as_tensor(rows, device=self.device)
        self.runs = [self.runs[row] for row in rows]
        self.table, self.keys = self.table.keep(rows), self.keys[list(rows)]
        self.values = self.values.index_select(0, index)
        self.buffers = {k: buffer.index_select(0, index) for k, buffer in self.buffers.items()}
        self.optimizer.keep(index)
        self.batches.keep(rows)

    @torch.no_grad()
    def evaluate(self, split: str) -> Score:
        """Score the hard network of every lane on a split."""
        self.model.eval()
        data, lanes = self.split(split), len(self.runs)
        hits, loss = torch.zeros(2, lanes, dtype=torch.double, device=self.device)
        for start in range(0, len(data), EXAMPLES):
            x, y = (part[start : start + EXAMPLES] for part in (data.x, data.y))
            classes = y.expand(lanes, -1)
            logits = self.outputs(self.values, x.expand(lanes, *x.shape))
            hits += (logits.argmax(2) == classes).sum(1)
            loss += _losses(logits, classes).double() * len(y)
        return Score(*(total.cpu().numpy() / len(data) for total in (hits, loss)))

    def outputs(self, values: Tensor, x: Tensor) -> Tensor:
        """Return the logits of all lanes, [K, B, C], for inputs [K, B, ...]."""
        state = {
            name: values[:, columns].view(-1, *shape)
            for name, (columns, shape) in self.columns.items()
        } | self.buffers
        if self.vmapped:
            y: Tensor = torch.vmap(self._call)(state, x)
            return y
        return self._call({name: rows[0] for name, rows in state.items()}, x[0]).unsqueeze(0)

    def _call(self, state: dict[str, Tensor], x: Tensor) -> Tensor:
        y: Tensor = functional_call(self.model, state, (x,))
        return y

    def _lay_out(self, models: Sequence[nn.Module]) -> None:
        """Bring the numbers of all models into rows: weights first, as weight decay wants it."""
        trained = {k: p for k, p in self.model.named_parameters() if p.requires_grad}
        names = sorted(trained, key=lambda name: trained[name].dim() <= 1)
        start = 0
        self.columns = {}
        for name in names:
            stop = start + trained[name].numel()
            self.columns[name] = slice(start, stop), trained[name].shape
            start = stop
        states = [dict(model.named_parameters()) | dict(model.named_buffers()) for model in models]
        self.values = torch.stack(
            [torch.cat([state[name].detach().flatten() for name in names]) for state in states]
        )
        self.buffers = {
            name: torch.stack([state[name].detach() for state in states])
            for name in states[0]
            if name not in trained
        }
        weights = sum(p.numel() for p in trained.values() if p.dim() > 1)
        self.optimizer = make_optimizer(self.values, self.task.optimizer, weights)

    def _prepare(self, step: int) -> None:
        """Set everything that follows from the step."""
        cleared = self.table.clears(step)
        if cleared.size:
            self.optimizer.clear(torch.as_tensor(cleared, device=self.device))
        if not self.names:
            return
        controls = self.table.controls[self.table.index, step]
        keys = noise_keys(self.keys, range(step, step + 1), len(self.names))[0]
        for site, name in enumerate(self.names):
            self.buffers[f"{name}.controls"].copy_(torch.from_numpy(controls[:, :, site]))
            self.buffers[f"{name}.keys"].copy_(torch.from_numpy(keys[site]))
        for site, layer, method in self.incremental:
            now, before = self._fractions(step, site), self._fractions(step - 1, site)
            if (now != before).any():
                self._freeze(site, layer, method, now)

    def _redraw(self, step: int) -> None:
        """Draw the partitions anew that are drawn anew every epoch."""
        for site, layer, method in self.incremental:
            if method.partition == "rpr" and step > 0:
                self._freeze(site, layer, method, self._fractions(step - 1, site))

    def _fractions(self, step: int, site: int) -> np.ndarray:
        rows = self.table.controls[self.table.index, max(step, 0), FROZEN, site]
        return rows if step >= 0 else np.zeros_like(rows)

    def _freeze(self, site: int, layer: str, method: Inq, fractions: np.ndarray) -> None:
        """Freeze so many of the weights of a layer in every lane."""
        columns, shape = self.columns[f"{layer}.weight"]
        rows, lanes = self.values[:, columns], len(self.runs)
        draws = [
            partition_draws(method.partition, run.seed, site, self.epoch, rows[0].view(shape))
            for run in self.runs
        ]
        drawn = [draw.flatten() for draw in draws if draw is not None]
        buffers = [self.buffers[f"{layer}.quantizer.{name}"] for name in STATE]
        count = torch.from_numpy(frozen_count(fractions, rows.shape[1])).to(self.device)
        levels = self.model.get_submodule(f"{layer}.quantizer").levels
        grown = grow(
            rows,
            Frozen(*(buffer.reshape(lanes, -1) for buffer in buffers)),
            count,
            method.partition,
            codebook(str(levels)),
            torch.stack(drawn) if drawn else None,
        )
        for buffer, value in zip(buffers, grown, strict=True):
            buffer.copy_(value.reshape(buffer.shape))

    def _step(self, x: Tensor, y: Tensor, coefficients: Tensor) -> Tensor:
        values = self.values.detach().requires_grad_()
        losses = _losses(self.outputs(values, x), y)
        (grads,) = torch.autograd.grad(losses.sum(), values)
        if self.task.optimizer.clip is not None:
            clip(grads, self.task.optimizer.clip)
        self.optimizer.step(self.values, grads, coefficients)
        for _, layer, _ in self.incremental:
            columns, _ = self.columns[f"{layer}.weight"]
            frozen, held = (self.buffers[f"{layer}.quantizer.{k}"] for k in ("frozen", "held"))
            hold(self.values[:, columns], frozen.flatten(1), held.flatten(1))
        return losses.detach()

    def _gather(self, index: Tensor, crops: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return one batch of every lane: inputs [K, B, ...], classes [K, B]."""
        flat = index.t().reshape(-1)
        x, y = self.data.x[flat], self.data.y[flat]
        if crops is not None:
            change = crops.transpose(0, 1).reshape(-1, 3)
            x = crop_and_flip(x, change[:, :2], change[:, 2].bool())
        lanes = len(self.runs)
        return x.view(lanes, -1, *x.shape[1:]), y.view(lanes, -1)


def hardened(model: nn.Module, schedule: Schedule) -> nn.Module:
    """Return the hard network of a quantized model, with nothing left to its schedule."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    # One epoch: what is frozen stays as it is.
    options: dict[str, Any] = {"learning_rate": "keep", "steps_per_epoch": 2}
    attach(model, optimizer, schedule, 1, **options).seek(1)
    return convert(model)


def _losses(logits: Tensor, classes: Tensor) -> Tensor:
    """Return every lane's mean cross-entropy, [K], of logits [K, B, C]."""
    each = F.cross_entropy(logits.flatten(0, 1), classes.reshape(-1), reduction="none")
    return each.view(classes.shape).mean(1)
