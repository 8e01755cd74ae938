"""Bundled networks as plain PyTorch modules, with the initial values and batches of a run."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import qsched
from qsched.attachment import Controller
from qsched.lanes import layers as described
from qsched.specs import Run
from qsched.tasks import build_network
from qsched.training.cohort import Cohort


def module_of(layers: tuple[described.Layer, ...], shape: tuple[int, ...]) -> nn.Sequential:
    """Build the same chain of layers of torch.nn."""
    parts: list[nn.Module] = []
    x = torch.zeros(2, *shape, dtype=torch.double)
    for layer in layers:
        parts.append(_part(layer, x).double())
        x = parts[-1](x)
    model = nn.Sequential(*parts)
    for module in model:
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_running_stats()
    return model


def _part(layer: described.Layer, x: Tensor) -> nn.Module:
    match layer:
        case described.Linear():
            return nn.Linear(x.shape[1], layer.features, bias=layer.bias)
        case described.Conv():
            geometry = layer.kernel, layer.stride, layer.padding
            return nn.Conv2d(x.shape[1], layer.channels, *geometry, bias=layer.bias)
        case described.BatchNorm():
            return nn.BatchNorm1d(x.shape[1]) if x.dim() == 2 else nn.BatchNorm2d(x.shape[1])
        case described.Activation():
            return nn.Hardtanh()
        case described.MaxPool():
            return nn.MaxPool2d(layer.size)
        case described.GlobalAveragePool():
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case described.Flatten():
            return nn.Flatten()
    raise AssertionError(layer)


class Twin:
    """A run of torch lanes beside the same run through quantize and attach, step by step."""

    def __init__(self, run: Run, steps: int) -> None:
        self.run, task = run, run.task
        with torch.inference_mode():
            self.cohort = Cohort([run], steps, torch.double, torch.device("cpu"))
            self.other = Cohort([run], steps, torch.double, torch.device("cpu"))
        self.model = module_of(
            build_network(task, self.cohort.data.y.max().item() + 1), self.shape
        )
        self._load()
        qsched.quantize(self.model, run.schedule, task.precision, scale="unit")
        spec = task.optimizer
        weights = [p for p in self.model.parameters() if p.dim() > 1]
        others = [p for p in self.model.parameters() if p.dim() == 1]
        groups = [{"params": weights, "weight_decay": spec.weight_decay}, {"params": others}]
        self.optimizer = (
            torch.optim.Adam(groups, lr=1.0, betas=spec.betas, eps=spec.eps)
            if spec.name == "adam"
            else torch.optim.SGD(groups, lr=1.0, momentum=spec.momentum)
        )
        self.controller: Controller = qsched.attach(
            self.model,
            self.optimizer,
            run.schedule,
            steps,
            seed=run.seed,
            steps_per_epoch=self.cohort.batches.steps,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.cohort.data.x.shape[1:])

    def _blocks(self) -> list[tuple[Tensor, slice]]:
        """Pair the parameters of the module with the columns of the row."""
        named = {block.name: block.columns for block in self.cohort.plan.blocks}
        pairs, number, owner = [], 0, ""
        for module in self.model.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                number += 1
                owner = f"{'linear' if isinstance(module, nn.Linear) else 'conv'}{number}"
                pairs.append((module.weight, named[f"{owner}.weight"]))
                if module.bias is not None:
                    pairs.append((module.bias, named[f"{owner}.bias"]))
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                pairs.append((module.weight, named[f"{owner}.scale"]))
                pairs.append((module.bias, named[f"{owner}.shift"]))
        return pairs

    @torch.no_grad()
    def _load(self) -> None:
        row = self.cohort.buffers.values[0]
        for parameter, columns in self._blocks():
            parameter.copy_(row[columns].view(parameter.shape))

    def row(self) -> Tensor:
        """Return the parameters of the module in the order of the lanes' row."""
        row = torch.zeros(self.cohort.plan.size, dtype=torch.double)
        for parameter, columns in self._blocks():
            row[columns] = parameter.detach().reshape(-1)
        return row

    def train_lanes(self, epochs: int) -> None:
        per = self.cohort.batches.steps
        with torch.inference_mode():
            for epoch in range(epochs):
                self.cohort.train(range(epoch * per, (epoch + 1) * per))
            self.cohort.harden()

    def train_module(self, epochs: int) -> None:
        data, task = self.cohort.data, self.run.task
        self.model.train()
        for _ in range(epochs):
            for index in self.other.batches.epoch()[:, :, 0]:
                self.optimizer.zero_grad()
                F.cross_entropy(self.model(data.x[index]), data.y[index]).backward()
                if task.optimizer.clip is not None:
                    nn.utils.clip_grad_norm_(self.model.parameters(), task.optimizer.clip)
                self.optimizer.step()
                self.controller.step()
        self.model.eval()
