"""One run trained plainly: modules as functions, autograd, torch.optim, quantizers as loops.

It shares with the product what is data (plans of networks, schedules, random numbers, which have
tests of their own) and nothing of what is computed in a step.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from qsched.lanes.layers import (
    Activation,
    BatchNorm,
    Conv,
    Flatten,
    GlobalAveragePool,
    Layer,
    Linear,
    MaxPool,
    Residual,
)
from qsched.lanes.noise import uniform
from qsched.lanes.parameters import initial_values
from qsched.lanes.plan import make_plan
from qsched.lanes.streams import lane_keys, noise_keys
from qsched.schedules import Ana, Inq
from qsched.specs import Run
from qsched.tasks import build_network, load_data

LEVELS, THRESHOLDS = (-1.0, 0.0, 1.0), (-0.5, 0.5)
STEPS_PER_EPOCH = 4


def cdf(z: Tensor, std: float, family: str) -> Tensor:
    if std == 0:
        return (z >= 0).double()
    match family:
        case "uniform":
            half = std * math.sqrt(3)
            return ((z + half) / (2 * half)).clamp(0, 1)
        case "triangular":
            base = std * math.sqrt(6)
            z = z.clamp(-base, base)
            return torch.where(
                z < 0, (z + base) ** 2 / (2 * base**2), 1 - (base - z) ** 2 / (2 * base**2)
            )
        case "normal":
            return (1 + torch.erf(z / (std * math.sqrt(2)))) / 2
        case "logistic":
            return 1 / (1 + torch.exp(-z * math.pi / (std * math.sqrt(3))))
    raise AssertionError(family)


def pdf(z: Tensor, std: float, family: str) -> Tensor:
    if std == 0:
        return torch.zeros_like(z)
    match family:
        case "uniform":
            # Dead units sit on exact edges, where 0.49999999999999994 would not be one half.
            half = round(std * math.sqrt(3), 12)
            return ((z >= -half) & (z < half)).double() / (2 * half)
        case "triangular":
            base = std * math.sqrt(6)
            return (1 - z.abs() / base).clamp(min=0) / base
        case "normal":
            return torch.exp(-((z / std) ** 2) / 2) / (std * math.sqrt(2 * math.pi))
        case "logistic":
            scale = std * math.sqrt(3) / math.pi
            return 1 / (4 * scale * torch.cosh(z / (2 * scale)) ** 2)
    raise AssertionError(family)


def annealed(x: Tensor, controls: np.ndarray, method: Ana, noise: Tensor | None) -> Tensor:
    """Ternary ANA: value of the forward mode, gradient of the expectation."""
    std, mean, backward_std = (float(value) for value in controls[:3])
    above = [cdf(x.detach() - mean - t, std, method.family) for t in THRESHOLDS]
    if method.forward == "expectation":
        value = LEVELS[0] + sum(above)
    elif method.forward == "random":
        assert noise is not None
        value = LEVELS[0] + sum((noise < p).double() for p in above)
    else:
        chances = torch.stack([1 - above[0], above[0] - above[1], above[1]])
        best = chances.max(dim=0).values
        value = torch.full_like(best, LEVELS[0])
        for i, level in enumerate(LEVELS):
            value = torch.where(chances[i] >= best - 1e-12, level, value)
    slope = sum(pdf(x.detach() - mean - t, backward_std, method.family) for t in THRESHOLDS)
    return value + slope * (x - x.detach())


def stair(x: Tensor) -> Tensor:
    return LEVELS[0] + sum((x >= t).double() for t in THRESHOLDS)


def ternary_scale(weights: Tensor) -> float:
    """The s of least squared error: the best mean of the k largest magnitudes."""
    sizes = sorted(weights.detach().abs().flatten().tolist(), reverse=True)
    best = max(range(1, len(sizes) + 1), key=lambda k: sum(sizes[:k]) ** 2 / k)
    return sum(sizes[:best]) / best


def ternary(weight: float, scale: float) -> float:
    return 0.0 if abs(weight) < scale / 2 else math.copysign(scale, weight)


class Frozen:
    """INQ of one weight tensor, element by element."""

    def __init__(self, weights: Tensor, priorities: np.ndarray | None) -> None:
        self.weights, self.priorities = weights, priorities
        self.scale: float | None = None
        self.values: dict[int, float] = {}
        self.latent: dict[int, float] = {}

    def advance(self, fraction: float, partition: str, *, anew: bool) -> None:
        flat = self.weights.detach().flatten().tolist()
        count = math.floor(fraction * len(flat) + 0.5 + 1e-6)
        if count == 0:
            return
        if self.scale is None:
            self.scale = ternary_scale(self.weights)
        rank = {
            "magnitude": lambda i: -abs(flat[i]),
            "smallest": lambda i: abs(flat[i]),
            "error": lambda i: abs(flat[i] - ternary(flat[i], self.scale)),
            "random": lambda i: -self.priorities[i],
            "rpr": lambda i: -self.priorities[i],
        }[partition]
        if anew:
            self.values, self.latent = {}, {}
        free = [i for i in range(len(flat)) if i not in self.values]
        for i in sorted(free, key=rank)[: count - len(self.values)]:
            self.values[i], self.latent[i] = ternary(flat[i], self.scale), flat[i]

    def effective(self) -> Tensor:
        mask = torch.ones(self.weights.numel())
        fixed = torch.zeros(self.weights.numel(), dtype=torch.double)
        for i, value in self.values.items():
            mask[i], fixed[i] = 0, value
        return (self.weights.flatten() * mask + fixed).view(self.weights.shape)

    def hard(self) -> Tensor:
        flat = self.weights.detach().flatten().tolist()
        scale = ternary_scale(self.weights) if self.scale is None else self.scale
        values = [self.values.get(i, ternary(w, scale)) for i, w in enumerate(flat)]
        return torch.tensor(values, dtype=torch.double).view(self.weights.shape)

    def hold(self) -> None:
        flat = self.weights.data.view(-1)
        for i, value in self.latent.items():
            flat[i] = value


class Reference:
    """A run of a ternary task, trained alone in float64."""

    def __init__(self, run: Run) -> None:
        self.run, task = run, run.task
        self.data = load_data(task.data)
        self.layers = build_network(task, self.data.classes)
        self.plan = make_plan(self.layers, self.data.shape)
        self.steps = round(task.epochs * run.length * STEPS_PER_EPOCH)
        u = np.arange(self.steps) / self.steps
        self.controls = run.schedule.at(u, self.plan.places)
        self.rates = run.schedule.learning_rates(u)
        self.methods = [run.schedule.method(place) for place in self.plan.places]
        self.sites = {place.name: i for i, place in enumerate(self.plan.places)}
        self.parameters = self._parameters()
        self.running = {
            block.name.removesuffix(".scale"): (torch.zeros(n).double(), torch.ones(n).double())
            for block in self.plan.blocks
            if block.kind == "scale"
            for n in block.shape
        }
        self.order = np.random.default_rng(np.random.SeedSequence([run.seed, 1]))
        self.partition = np.random.default_rng(np.random.SeedSequence([run.seed, 3]))
        self.frozen = self._frozen()
        self.losses: list[float] = []
        self.new_optimizer()

    def train(self, steps: int | None = None) -> Reference:
        split = self.data.train
        for step in range(self.steps if steps is None else steps):
            if step % STEPS_PER_EPOCH == 0:
                order = self.order.permutation(len(split))
                self.redraw(step)
            self.advance(step)
            batch = order[step % STEPS_PER_EPOCH * 16 :][:16]
            x, y = torch.from_numpy(split.x[batch]).double(), torch.from_numpy(split.y[batch])
            self.step_number = step
            loss = F.cross_entropy(self.compute(x, training=True), y)
            self.losses.append(loss.item())
            self.optimizer.zero_grad()
            loss.backward()
            if self.run.task.optimizer.clip is not None:
                torch.nn.utils.clip_grad_norm_(
                    self.parameters.values(), self.run.task.optimizer.clip
                )
            for group in self.optimizer.param_groups:
                group["lr"] = self.rates[step]
            self.optimizer.step()
            for frozen in self.frozen.values():
                frozen.hold()
        return self

    def score(self, split: str) -> tuple[float, float]:
        data = getattr(self.data, split)
        with torch.no_grad():
            logits = self.compute(torch.from_numpy(data.x).double(), training=False)
        y = torch.from_numpy(data.y)
        hits = (logits.argmax(1) == y).double().mean().item()
        return hits, F.cross_entropy(logits, y).item()

    def row(self) -> np.ndarray:
        """Return all parameters in the order of the plan."""
        return torch.cat([p.detach().flatten() for p in self.parameters.values()]).numpy()

    def new_optimizer(self) -> None:
        spec, named = self.run.task.optimizer, self.parameters
        groups = [
            {
                "params": [p for n, p in named.items() if n.endswith("weight") == weight],
                "weight_decay": spec.weight_decay * weight,
            }
            for weight in (True, False)
        ]
        if spec.name == "adam":
            self.optimizer = torch.optim.Adam(groups, lr=1.0, betas=spec.betas, eps=spec.eps)
        else:
            self.optimizer = torch.optim.SGD(groups, lr=1.0, momentum=spec.momentum)

    def redraw(self, step: int) -> None:
        method = self.run.schedule.weights
        if isinstance(method, Inq) and method.partition == "rpr":
            self._priorities()
            for name, frozen in self.frozen.items():
                if step:
                    fraction = self.controls[step - 1, self.sites[name], 3]
                    frozen.advance(fraction, "rpr", anew=True)

    def advance(self, step: int) -> None:
        method = self.run.schedule.weights
        if not isinstance(method, Inq):
            return
        starts = np.ceil(self.run.schedule.stages() * self.steps - 1e-9)
        if method.reset_optimizer and step in starts:
            self.new_optimizer()
        for name, frozen in self.frozen.items():
            frozen.advance(self.controls[step, self.sites[name], 3], method.partition, anew=False)

    def compute(self, x: Tensor, *, training: bool) -> Tensor:
        self.numbered, self.current, self.training = 0, "input", training
        return self._sequence(self.layers, x)

    def _sequence(self, layers: tuple[Layer, ...], x: Tensor) -> Tensor:
        for layer in layers:
            x = self._layer(layer, x)
        return x

    def _layer(self, layer: Layer, x: Tensor) -> Tensor:
        match layer:
            case Linear() | Conv():
                return self._weighted(layer, x)
            case BatchNorm():
                scale, shift = (self.parameters[f"{self.current}.{k}"] for k in ("scale", "shift"))
                return F.batch_norm(x, *self.running[self.current], scale, shift, self.training)
            case Activation():
                return self._activation(x)
            case MaxPool(size=size):
                return F.max_pool2d(x, size)
            case GlobalAveragePool():
                return x.mean((2, 3))
            case Flatten():
                return x.flatten(1)
            case Residual(body=body, shortcut=shortcut):
                y = self._sequence(body, x)
                last = self.current
                skipped = self._sequence(shortcut, x)
                self.current = last
                return y + skipped

    def _weighted(self, layer: Linear | Conv, x: Tensor) -> Tensor:
        self.numbered += 1
        kind = "linear" if isinstance(layer, Linear) else "conv"
        name = self.current = f"{kind}{self.numbered}"
        weight = self._weight(name) if layer.quantized else self.parameters[f"{name}.weight"]
        bias = self.parameters.get(f"{name}.bias")
        if isinstance(layer, Linear):
            return F.linear(x, weight, bias)
        return F.conv2d(x, weight, bias, layer.stride, layer.padding)

    def _weight(self, name: str) -> Tensor:
        weight, site = self.parameters[f"{name}.weight"], self.sites[name]
        match self.methods[site]:
            case None:
                return weight
            case Inq():
                frozen = self.frozen[name]
                return frozen.effective() if self.training else frozen.hard()
            case Ana() as method:
                if not self.training:
                    return stair(weight)
                columns = next(b.columns for b in self.plan.blocks if b.name == f"{name}.weight")
                noise = self._noise(0, (self.plan.quantized,))[columns].view(weight.shape)
                return annealed(weight, self.controls[self.step_number, site], method, noise)

    def _activation(self, x: Tensor) -> Tensor:
        site = self.sites[f"{self.current}.activation"]
        method = self.methods[site]
        if method is None:
            return F.hardtanh(x)
        if not self.training:
            return stair(x)
        assert isinstance(method, Ana)
        if x.dim() == 2:
            noise = self._noise(site, tuple(x.shape[::-1])).t()
        else:
            noise = self._noise(site, tuple(x.shape))
        return annealed(x, self.controls[self.step_number, site], method, noise)

    def _noise(self, site: int, shape: tuple[int, ...]) -> Tensor:
        step, sites = self.step_number, len(self.plan.places)
        words = noise_keys(lane_keys([self.run.seed]), range(step, step + 1), sites)
        return uniform(torch.from_numpy(words)[0, site], shape, torch.double)[0]

    def _parameters(self) -> dict[str, Tensor]:
        thresholds = [
            tuple(t + self.controls[0, i, 1] for t in THRESHOLDS)
            if isinstance(self.methods[i], Ana)
            else None
            for i in range(len(self.plan.weight_blocks))
        ]
        row = torch.from_numpy(initial_values(self.plan, self.run.seed, thresholds))
        return {
            block.name: row[block.columns].view(block.shape).clone().requires_grad_()
            for block in self.plan.blocks
        }

    def _frozen(self) -> dict[str, Frozen]:
        method = self.run.schedule.weights
        if not isinstance(method, Inq):
            return {}
        frozen = {
            block.name.removesuffix(".weight"): Frozen(self.parameters[block.name], None)
            for block in self.plan.weight_blocks
        }
        self.frozen = frozen
        if method.partition == "random":
            self._priorities()
        return frozen

    def _priorities(self) -> None:
        draws = self.partition.random(self.plan.quantized)
        for block in self.plan.weight_blocks:
            self.frozen[block.name.removesuffix(".weight")].priorities = draws[block.columns]
