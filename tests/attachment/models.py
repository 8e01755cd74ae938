"""Small models, data and loops that the tests of attached schedules share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import qsched
from qsched.attachment import Controller
from qsched.schedules import Ana, Drop, Inq, LearningRate, Schedule, Steps, Window

STEPS = 12
ANA = Ana(forward="random", forward_std=0.4, backward_std=0.5, backward_floor=0.3, mean=-0.2)
RATE = LearningRate(initial=0.02)
ANNEALED = Schedule(
    window=Window(end=0.75, offset_start=0.3), weights=ANA, activations=ANA, learning_rate=RATE
)
FROZEN = Schedule(
    window=Window(end=0.9),
    decay=Steps(fractions=(0.4, 0.7, 1.0)),
    weights=Inq(reset_optimizer=True),
    activations=Ana(forward_std=0.0, backward_std=0.3, backward_floor=1.0),
    learning_rate=LearningRate(initial=0.02, drops=(Drop(at=0.5, factor=0.1),), restart=True),
)
RANDOM = FROZEN.model_copy(update={"weights": Inq(partition="random")})
RELAXED = FROZEN.model_copy(update={"weights": Inq(partition="rpr")})
SCHEDULES = {"ana": ANNEALED, "inq": FROZEN, "random": RANDOM, "rpr": RELAXED}


def network(seed: int = 0) -> nn.Sequential:
    """A float network: a depthwise convolution is among its layers."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.Conv2d(6, 6, 3, stride=2, groups=6),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24, 3),
    )


def batch(step: int, size: int = 8) -> tuple[Tensor, Tensor]:
    """The batch of a step: features [size, 2, 6, 6] and classes."""
    draw = torch.Generator().manual_seed(100 + step)
    x = torch.randn(size, 2, 6, 6, generator=draw)
    return x, (x.mean((1, 2, 3)) * 20).round().long() % 3


class Loop:
    """A user's training loop."""

    def __init__(self, schedule: Schedule, seed: int = 0, *, momentum: bool = False) -> None:
        self.model = qsched.quantize(network(seed), schedule)
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.SGD(self.model.parameters(), 0.05, momentum=0.9, weight_decay=0.1)
            if momentum
            else torch.optim.AdamW(self.model.parameters(), 0.02, weight_decay=0.1)
        )
        self.schedule, self.seed = schedule, seed
        self.attach()

    def attach(self) -> None:
        """Let a new controller follow the schedule from its start."""
        self.ctl: Controller = qsched.attach(
            self.model, self.optimizer, self.schedule, STEPS, seed=self.seed, steps_per_epoch=3
        )

    def step(self) -> Tensor:
        """Train one step; return the loss."""
        self.model.train()
        x, y = batch(self.ctl.steps)
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        self.ctl.step()
        return loss.detach()

    def run(self, steps: int) -> list[float]:
        return [self.step().item() for _ in range(steps)]


def same(first: nn.Module, second: nn.Module) -> bool:
    """Whether two models have equal states, bit for bit."""
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
