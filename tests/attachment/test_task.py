"""A user's own model as a task: by lanes, by torch.func, or one by one; the same network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import qsched
from qsched.attachment.describe import describe
from qsched.errors import InputError
from qsched.lanes.streams import Stream, generator
from qsched.registry import NETWORKS
from qsched.schedules import Schedule
from qsched.specs import DataSpec, NetworkSpec, OptimizerSpec, Precision, Run, TaskSpec
from qsched.tasks import load_data, own_network
from qsched.training import train
from tests.attachment.models import SCHEDULES
from tests.training import small


class Skip(nn.Module):
    """A residual network: no chain of layers."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.act = nn.ReLU()
        self.second = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.again = nn.BatchNorm2d(6)
        self.last = nn.ReLU()
        self.head = nn.Linear(6, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.first(x)))
        x = self.last(self.again(self.second(x)) + x)
        return self.head(x.mean((2, 3)))


class Branching(Skip):
    """Looks at its numbers: torch.func cannot compute it."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.abs().max().item() < 1e9 else x / 2)


class Dropping(Skip):
    """Draws random numbers, which lanes may not share."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.dropout(x, 0.1, self.training))


class Forked(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        self[0](x)
        return self[1](x)


def chain(width: int | None, classes: int) -> nn.Module:
    hidden = [nn.Conv2d(2, 4, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.Hardtanh()]
    return nn.Sequential(*hidden, nn.Flatten(), nn.Linear(36, classes))


MODELS = {
    "own-chain": chain,
    "own-skip": lambda width, classes: Skip(classes),
    "own-branching": lambda width, classes: Branching(classes),
    "own-dropping": lambda width, classes: Dropping(classes),
}
for name, function in MODELS.items():
    qsched.task(name, function)


def own(name: str, **changes: object) -> TaskSpec:
    task = small.small_task("small-cnn", **changes)
    return task.model_copy(update={"network": NetworkSpec(name=name)})


@pytest.mark.parametrize(
    ("name", "engine", "reason"),
    [
        ("own-chain", "native-lanes", None),
        ("own-skip", "torch-func", "it has no lane version: ReLU has no lane version"),
        ("own-branching", "torch-loop", "torch.func cannot compute it: RuntimeError: vmap: It"),
        ("own-dropping", "torch-loop", "torch.func cannot compute it: RuntimeError: vmap: call"),
    ],
)
def test_the_path_is_chosen_and_said(name: str, engine: str, reason: str | None) -> None:
    task = own(name)
    runs = [Run(task=task, schedule=schedule, seed=1) for schedule in SCHEDULES.values()]
    results = train(runs)
    assert [result.status for result in results] == ["finished"] * 4
    assert {result.versions["engine"] for result in results} <= {engine, "torch-lanes"}
    network = own_network(task)
    if reason is None:
        assert network is None
    else:
        assert network is not None
        assert reason in network.check(task)
        assert all(reason in result.versions["engine_reason"] for result in results)


def plain(run: Run) -> tuple[float, list[float]]:
    """Train a run by hand; return its validation accuracy and the losses of its epochs."""
    task, data = run.task, load_data(run.task.data)
    torch.manual_seed(run.seed)
    model = qsched.quantize(Skip(3).double(), run.schedule, task.precision)
    spec = task.optimizer
    groups = [
        {
            "params": [p for p in model.parameters() if (p.dim() > 1) == weighty],
            "weight_decay": spec.weight_decay * weighty,
        }
        for weighty in (True, False)
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=spec.momentum)
    per, steps = 70 // 16, task.epochs * (70 // 16)
    ctl = qsched.attach(model, optimizer, run.schedule, steps, seed=run.seed, steps_per_epoch=per)
    order, losses = generator(run.seed, Stream.BATCHES), []
    for _ in range(task.epochs):
        for index in order.permutation(70)[: per * 16].reshape(per, 16):
            x, y = torch.from_numpy(data.train.x[index]).double(), data.train.y[index]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), torch.from_numpy(y))
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), spec.clip)
            optimizer.step()
            ctl.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        out = model(torch.from_numpy(data.validation.x).double()).argmax(1).numpy()
    return float((out == data.validation.y).mean()), list(np.reshape(losses, (-1, per)).mean(1))


@pytest.mark.parametrize("name", ["own-skip", "own-branching"])
def test_runs_are_those_of_a_plain_loop(name: str) -> None:
    spec = OptimizerSpec(name="sgd", weight_decay=0.01, clip=1.0, learning_rate=0.02)
    task = own(name, optimizer=spec, epochs=3)
    schedules = [*SCHEDULES.values(), SCHEDULES["inq"]]
    runs = [Run(task=task, schedule=s, seed=i) for i, s in enumerate(schedules)]
    for run, result in zip(runs, train(runs, dtype=torch.double), strict=True):
        accuracy, losses = plain(run)
        assert [point.loss for point in result.curve] == pytest.approx(losses, abs=1e-9)
        assert result.accuracy == pytest.approx(accuracy)


def test_a_run_does_not_depend_on_its_neighbors() -> None:
    task = own("own-skip")
    runs = [Run(task=task, schedule=SCHEDULES["ana"], seed=seed) for seed in range(3)]
    together = train(runs, dtype=torch.double)
    alone = [train([run], dtype=torch.double)[0] for run in runs]
    for one, other in zip(together, alone, strict=True):
        assert [p.loss for p in one.curve] == pytest.approx([p.loss for p in other.curve])
        assert one.accuracy == other.accuracy


def test_full_precision_and_diverging_runs() -> None:
    rate = SCHEDULES["ana"].learning_rate
    task = own("own-skip")
    plain_run = Run(task=task, schedule=Schedule(learning_rate=rate), seed=0)
    wild = SCHEDULES["ana"].model_copy(
        update={"learning_rate": rate.model_copy(update={"initial": 1e300})}
    )
    good, bad, quantized = train(
        [
            plain_run,
            Run(task=task, schedule=wild, seed=0),
            Run(task=task, schedule=SCHEDULES["ana"], seed=0),
        ]
    )
    assert (good.status, bad.status, quantized.status) == ("finished", "failed", "finished")
    assert bad.reason is not None
    assert bad.reason.startswith("diverged")


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (nn.Sequential(nn.Linear(3, 3), nn.ReLU()), "ReLU has no lane version"),
        (nn.Sequential(nn.Conv2d(2, 2, 3, groups=2)), "Conv2d has no lane version in this form"),
        (nn.Sequential(nn.BatchNorm1d(3, momentum=0.2)), "BatchNorm1d has no lane version in"),
        (nn.Sequential(nn.Hardtanh(0, 6)), "Hardtanh has no lane version in this form"),
        (nn.Sequential(nn.MaxPool2d(3, stride=2)), "MaxPool2d has no lane version in this form"),
        (Branching(3), "it cannot be traced (TraceError)"),
        (Forked(nn.Linear(3, 3), nn.Hardtanh()), "it is not a chain of layers"),
    ],
)
def test_what_has_no_lane_version(model: nn.Module, found: str) -> None:
    described = describe(model)
    assert isinstance(described, str)
    assert described.startswith(found)


def test_a_task_with_nothing_to_quantize_is_refused() -> None:
    qsched.task("own-single", lambda width, classes: nn.Sequential(nn.Flatten(), nn.Linear(72, 3)))
    run = Run(task=own("own-single"), schedule=SCHEDULES["ana"], seed=0)
    with pytest.raises(InputError, match="`own-single` has none besides.*set precision.last"):
        train([run])
    last = own("own-single", precision=Precision(last=True))
    assert train([run.model_copy(update={"task": last})])[0].status == "finished"


def test_faults_of_functions() -> None:
    qsched.task("own-list", lambda width, classes: [nn.Linear(3, 3)])
    with pytest.raises(InputError, match="must return a torch.nn.Module, but it returned list"):
        own_network(own("own-list"))
    images = nn.Conv2d(2, 3, 1), nn.ReLU(), nn.Conv2d(3, 3, 1)
    qsched.task("own-images", lambda width, classes: nn.Sequential(*images))
    network = NETWORKS.load("own-images")
    with pytest.raises(InputError, match=r"must return a tensor \[N, 3\] of logits, but for"):
        network.check(own("own-images"))
    with pytest.raises(InputError, match="the network name `own-chain` is taken"):
        qsched.task("own-chain", chain)


def test_data_of_one_s_own() -> None:
    from qsched.registry import DATASETS

    qsched.task("own-both", chain, DATASETS.load("synthetic"))
    assert load_data(DataSpec(name="own-both", validation=40)).shape == (1, 8, 8)
