"""What runs on a GPU: lanes, the plain loop, and the plain loop as a CUDA graph."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from benchmarks.throughput.peer import Peer, peer
from benchmarks.throughput.tasks import make_runs
from qsched.specs import Run, RunResult, TaskSpec
from qsched.training import train

__all__ = ["graphed", "lanes", "one_by_one", "sgemm"]


def lanes(runs: Sequence[Run], tf32: bool = False) -> list[RunResult]:
    """Train with torch lanes; ``tf32``: products of 10-bit mantissas."""
    _precision(tf32)
    return train(runs, device="cuda")


def one_by_one(runs: Sequence[Run]) -> list[RunResult]:
    """Train one after the other, as one writes it."""
    _precision(False)
    return [peer(run.task, device="cuda").train(run) for run in runs]


def graphed(runs: Sequence[Run]) -> list[RunResult]:
    """Train one after the other; a step is one launch."""
    _precision(False)
    return [_graphed(run.task).train(run) for run in runs]


def sgemm(tf32: bool = False, side: int = 8192, repeats: int = 10) -> float:
    """Return the best rate of a product of matrices, in operations/s."""
    _precision(tf32)
    a, b = (torch.rand(side, side, device="cuda") for _ in range(2))
    best = 0.0
    for _ in range(repeats):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        torch.mm(a, b)
        end.record()
        torch.cuda.synchronize()
        best = max(best, 2 * side**3 / (begin.elapsed_time(end) / 1000))
    return best


class Graphed(Peer):
    """The plain loop whose step was captured once: index, controls and rate are copied in.

    Args:
        task: what is trained.
    """

    def __init__(self, task: TaskSpec) -> None:
        super().__init__(task, device="cuda")
        self.graph: torch.cuda.CUDAGraph | None = None
        run = make_runs(task, 1)[0]
        table = super().start(run, 1)
        self.network.train()
        self.index, self.control = self._order(1)[0].clone(), table[0].clone()
        self.rate = torch.zeros((), device="cuda")
        recipe = task.optimizer
        self.kept = torch.optim.Adam(
            self.network.parameters(),
            lr=self.rate,
            betas=recipe.betas,
            eps=recipe.eps,
            fused=True,
            capturable=True,
        )
        self._capture()

    def start(self, run: Run, steps: int) -> Any:
        table = super().start(run, steps)
        for state in self.kept.state.values():
            for moment in state.values():
                moment.zero_()
        return table

    def step(self, index: Tensor, control: Any, rate: float) -> None:
        if self.graph is None:
            raise RuntimeError("the step is not captured yet")
        self.index.copy_(index)
        self.control.copy_(control)
        self.rate.fill_(rate)
        self.graph.replay()

    def _capture(self) -> None:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._body()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._body()
        self.graph = graph

    def _body(self) -> None:
        self.kept.zero_grad(set_to_none=True)
        loss = self.loss(self.x[self.index], self.y[self.index], self.control)
        loss.backward()  # type: ignore[no-untyped-call]
        self.kept.step()


@lru_cache(maxsize=8)
def _graphed(task: TaskSpec) -> Graphed:
    return Graphed(task)


def _precision(tf32: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
