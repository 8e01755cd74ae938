"""The peers' training loop: one network after the other, as one writes it in PyTorch.

Same network, quantizer, data, batches, initial weights and number of steps as a lane of qsched, so
that accuracies agree run by run. Nothing is shared that is computed in a step.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.throughput.tasks import make_runs
from qsched.lanes.layers import Activation, BatchNorm, Conv, Flatten, Linear, MaxPool
from qsched.lanes.parameters import initial_values
from qsched.lanes.plan import Node, Plan, make_plan
from qsched.lanes.streams import Stream, generator
from qsched.schedules import BACKWARD_STD, FORWARD_STD, MEAN
from qsched.specs import Run, RunResult, TaskSpec
from qsched.tasks import Split, build_network, load_data

__all__ = ["Peer", "Ternary", "compiled", "controls", "eager", "peer"]

HARD = (1e30, 0.5, 0.0, 0.0, 0.0)
"""Controls of the stair itself."""


class Ternary(torch.autograd.Function):
    """Ternary levels under uniform noise: expectation forward, its slope (of other noise) back.

    The five controls are numbers or tensors of no axes: forward slope and shift (see
    :func:`controls`), mean of the noise, half width and height of the backward noise's density.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, control: Any) -> Tensor:
        slope, shift, mean, reach, height = control
        ctx.save_for_backward(x)
        ctx.control = mean, reach, height
        low = (x - (mean - 0.5)).mul_(slope).add_(shift).clamp_(-0.5, 0.5)
        high = (x - (mean + 0.5)).mul_(slope).add_(shift).clamp_(-0.5, 0.5)
        y: Tensor = low.add_(high)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None]:
        (x,), (mean, reach, height) = ctx.saved_tensors, ctx.control
        low = (x - (mean - 0.5)).abs_() < reach
        high = (x - (mean + 0.5)).abs_() < reach
        return (low.to(x.dtype) + high) * height * grads[0], None


def controls(run: Run, plan: Plan, steps: int) -> np.ndarray:
    """Return the controls of every step and quantizer, [T, Q, 5].

    Without forward noise the slope is so steep, and the shift such, that the clipped line is the
    stair, 1 at its threshold.
    """
    table = run.schedule.at(np.arange(steps) / steps, plan.places)
    std, mean, back = (table[..., i] for i in (FORWARD_STD, MEAN, BACKWARD_STD))
    width = 2 * 3**0.5
    none = std == 0
    slope = np.where(none, 1e30, 1 / (width * np.where(none, 1, std)))
    height = np.where(back > 0, 1 / (width * np.where(back > 0, back, 1)), 0)
    return np.stack([slope, 0.5 * none, mean, back * 3**0.5, height], axis=-1)


class Weighted(nn.Module):
    """A linear layer or convolution with ternary weights, if quantized."""

    def __init__(self, node: Node, site: int | None) -> None:
        super().__init__()
        self.layer, self.site = node.layer, site
        self.weight = nn.Parameter(torch.empty(node.blocks["weight"].shape))
        bias = node.blocks.get("bias")
        self.bias = nn.Parameter(torch.empty(bias.shape)) if bias else None

    def forward(self, x: Tensor, control: Any) -> Tensor:
        weight = self.weight
        if self.site is not None:
            weight = Ternary.apply(weight, control[self.site])  # type: ignore[no-untyped-call]
        if isinstance(self.layer, Conv):
            return F.conv2d(x, weight, self.bias, self.layer.stride, self.layer.padding)
        return F.linear(x, weight, self.bias)


class Quantizer(nn.Module):
    """Ternary activations."""

    def __init__(self, site: int) -> None:
        super().__init__()
        self.site = site

    def forward(self, x: Tensor, control: Any) -> Tensor:
        y: Tensor = Ternary.apply(x, control[self.site])  # type: ignore[no-untyped-call]
        return y


class Network(nn.Module):
    """The network of a plan."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        sites = {block.name: i for i, block in enumerate(plan.weight_blocks)}
        self.layers = nn.ModuleList([_module(node, sites) for node in plan.nodes])

    def forward(self, x: Tensor, control: Any) -> Tensor:
        for layer in self.layers:
            plain = not isinstance(layer, Weighted | Quantizer)
            x = layer(x) if plain else layer(x, control)
        return x

    def reset(self, row: Tensor) -> None:
        """Start anew from initial parameters, one row as the plan lays it out."""
        pairs = [
            (block, parameter)
            for node, layer in zip(self.plan.nodes, self.layers, strict=True)
            for block, parameter in zip(node.blocks.values(), layer.parameters(), strict=True)
        ]
        with torch.no_grad():
            for block, parameter in pairs:
                parameter.copy_(row[block.columns].view(parameter.shape))
        for layer in self.layers:
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
                layer.reset_running_stats()


def _module(node: Node, sites: dict[str, int]) -> nn.Module:
    match node.layer:
        case Linear() | Conv():
            return Weighted(node, sites.get(node.blocks["weight"].name))
        case BatchNorm():
            kind = nn.BatchNorm1d if len(node.inputs) == 1 else nn.BatchNorm2d
            return kind(node.inputs[0])
        case Activation():
            return Quantizer(node.site)
        case MaxPool(size):
            return nn.MaxPool2d(size)
        case Flatten():
            return nn.Flatten()
        case other:
            raise NotImplementedError(f"the peers have no {type(other).__name__}")


class Peer:
    """Trains runs of one task, one after the other; data and network stay in memory.

    Args:
        task: what is trained.
        compile: give forward, loss and backward to ``torch.compile``.
        device: where.
        dtype: of everything.
    """

    def __init__(
        self,
        task: TaskSpec,
        compile: bool = False,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        data = load_data(task.data)
        self.task, self.device, self.dtype = task, device, dtype
        self.tensors = compile or device != "cpu"
        self.plan = make_plan(build_network(task, data.classes), data.shape)
        self.network = Network(self.plan).to(device, dtype)
        self.x, self.y = self._split(data.train)
        self.validation = self._split(data.validation)
        self.loss = torch.compile(self._loss, fullgraph=True) if compile else self._loss

    def train(self, run: Run) -> RunResult:
        """Train one network from its first step to its validation accuracy."""
        began = time.perf_counter()
        per_epoch = len(self.y) // self.task.batch_size
        steps = max(1, round(self.task.epochs * per_epoch * run.length))
        table = self.start(run, steps)
        self.network.train()
        for first in range(0, steps, per_epoch):
            order = self._order(per_epoch)[: steps - first]
            for step, index in enumerate(order, first):
                self.step(index, table[step], self.rates[step])
        accuracy = self.evaluate()
        seconds = time.perf_counter() - began
        return RunResult(
            key=run.key, status="finished", accuracy=accuracy, steps=steps, seconds=seconds
        )

    def start(self, run: Run, steps: int) -> Any:
        """Reset network and optimizer; return the controls of every step."""
        task, table = self.task.optimizer, controls(run, self.plan, steps)
        mean = table[0, :, 2]
        thresholds = [(m - 0.5, m + 0.5) for m in mean[: len(self.plan.weight_blocks)]]
        row = initial_values(self.plan, run.seed, thresholds)
        self.network.reset(self._tensor(row))
        self.batches = generator(run.seed, Stream.BATCHES)
        self.rates = run.schedule.learning_rates(np.arange(steps) / steps).tolist()
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), betas=task.betas, eps=task.eps, fused=True
        )
        # Numbers are cheapest where every operation is called; compiled code wants tensors.
        return self._tensor(table) if self.tensors else table.tolist()

    def step(self, index: Tensor, control: Any, rate: float) -> None:
        """Take one step."""
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.x[index], self.y[index], control)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def evaluate(self) -> float:
        """Return the accuracy of the hard network."""
        self.network.eval()
        x, y = self.validation
        with torch.inference_mode():
            logits = self.network(x, [HARD] * len(self.plan.places))
            return float((logits.argmax(1) == y).double().mean())

    def _loss(self, x: Tensor, y: Tensor, control: Any) -> Tensor:
        if self.tensors:
            control = [row.unbind() for row in control.unbind()]
        return F.cross_entropy(self.network(x, control), y)

    def _order(self, steps: int) -> Tensor:
        batch = self.task.batch_size
        order = self.batches.permutation(len(self.y))[: steps * batch]
        return torch.as_tensor(order.reshape(steps, batch), device=self.device)

    def _split(self, split: Split) -> tuple[Tensor, Tensor]:
        return self._tensor(split.x), torch.as_tensor(split.y, device=self.device)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values, dtype=self.dtype, device=self.device)


@lru_cache(maxsize=8)
def peer(task: TaskSpec, compile: bool = False, device: str = "cpu") -> Peer:
    """Return a warm trainer of a task: everything has run once."""
    made = Peer(task, compile, device)
    made.train(make_runs(task, 1)[0].model_copy(update={"length": 1e-6}))
    return made


def eager(runs: Sequence[Run]) -> list[RunResult]:
    """Train one after the other."""
    return [peer(run.task).train(run) for run in runs]


def compiled(runs: Sequence[Run]) -> list[RunResult]:
    """Train one after the other with ``torch.compile``."""
    return [peer(run.task, True).train(run) for run in runs]
