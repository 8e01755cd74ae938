"""Small tasks, and how far native lanes are from torch lanes after some steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from qsched.schedules import Ana, Inq, LearningRate, Schedule
from qsched.specs import DataSpec, NetworkSpec, Run, TaskSpec
from qsched.training import native, train
from qsched.training.cohort import Cohort

DIGITS = DataSpec(name="digits", train=330, validation=100)


def task(network: str = "mlp3", width: int = 16, **options: Any) -> TaskSpec:
    """Return a task; ``options`` replace its parts."""
    parts = {"data": DIGITS, "epochs": 4, "batch_size": 32, **options}
    return TaskSpec(network=NetworkSpec(name=network, width=width), **parts)


def annealing(
    family: str = "uniform",
    forward: str = "expectation",
    std: float = 0.8,
    rate: float = 0.01,
    **options: Any,
) -> Schedule:
    """Return a schedule that anneals weights and activations alike."""
    parts = {"forward_std": std, "backward_std": std, **options}
    ana = Ana(family=family, forward=forward, **parts)
    return Schedule(weights=ana, activations=ana, learning_rate=LearningRate(initial=rate))


def freezing(partition: str = "magnitude", rate: float = 0.01, **options: Any) -> Schedule:
    """Return a schedule that freezes weights; activations anneal."""
    activations = Ana(family="logistic", forward_std=0.5, backward_std=0.5)
    return Schedule(
        weights=Inq(partition=partition),
        activations=activations,
        learning_rate=LearningRate(initial=rate),
        **options,
    )


def difference(runs: list[Run], steps: int) -> float:
    """Return the largest difference of parameters and running statistics, in float64.

    Args:
        runs: a cohort.
        steps: how many steps of the first epochs are taken.
    """
    lanes = native.Cohort(runs, np.dtype("float64"))
    peers = Cohort(runs, lanes.steps, torch.float64, torch.device("cpu"))
    with torch.inference_mode():
        for start in range(0, steps, lanes.epoch):
            peers.train(range(start, min(start + lanes.epoch, steps)))
    worst = 0.0
    for i in range(len(runs)):
        lane = native.Lane(lanes, i, steps)
        lane.train()
        buffers = peers.buffers
        pairs = (
            (lane.state.values[lanes.program.columns], buffers.values),
            (lane.state.means[lanes.program.running], buffers.mean),
            (lane.state.variances[lanes.program.running], buffers.variance),
        )
        worst = max(worst, *(float(np.abs(a - b[i].numpy()).max()) for a, b in pairs))
    return worst


def both(runs: list[Run], dtype: torch.dtype = torch.float64, threads: int = 1) -> tuple[Any, Any]:
    """Return the results of native lanes and of torch lanes."""
    return native.train(runs, dtype=str(dtype).removeprefix("torch."), threads=threads), train(
        runs, dtype=dtype, engine="torch"
    )
