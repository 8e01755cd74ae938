"""The steps of incremental quantization against one network written as a plain loop."""

import numpy as np
import pytest
import torch

from qsched.quantizers import Frozen, grow, harden
from qsched.quantizers.inq import Binary

BOOK = Binary()


class Loop:
    """One row, weight by weight: largest first, at plus or minus the mean magnitude."""

    def __init__(self, n: int) -> None:
        self.fixed: list[float | None] = [None] * n
        self.held = [0.0] * n
        self.scale: float | None = None

    def grow(self, weights: list[float], count: int) -> None:
        if self.scale is None and count > 0:
            self.scale = float(np.float32(np.mean(np.abs(weights))))
        free = [i for i, value in enumerate(self.fixed) if value is None]
        frozen = len(weights) - len(free)
        free.sort(key=lambda i: -abs(weights[i]))
        for i in free[: max(count - frozen, 0)]:
            assert self.scale is not None
            self.fixed[i] = -self.scale if weights[i] < 0 else self.scale
            self.held[i] = weights[i]

    def harden(self, weights: list[float]) -> list[float]:
        scale = float(np.mean(np.abs(weights))) if self.scale is None else self.scale
        free = [-scale if w < 0 else scale for w in weights]
        return [
            level if value is None else value
            for value, level in zip(self.fixed, free, strict=True)
        ]


def test_rows_freeze_as_each_alone_would() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(3, 12, generator=generator)
    state = Frozen(weights > 9, 0 * weights, 0 * weights, torch.zeros(3, 1))
    loops = [Loop(12) for _ in range(3)]
    for counts in ([0, 0, 1], [0, 4, 1], [3, 4, 12], [3, 2, 12], [12, 11, 12]):
        state = grow(weights, state, torch.tensor(counts), "magnitude", BOOK)
        hard = harden(weights, state.frozen, state.fixed, state.scale, BOOK)
        for row, (loop, count) in enumerate(zip(loops, counts, strict=True)):
            loop.grow(weights[row].tolist(), count)
            assert state.frozen[row].tolist() == [value is not None for value in loop.fixed]
            known = state.frozen[row]
            expected = [value for value in loop.fixed if value is not None]
            assert state.fixed[row][known].tolist() == pytest.approx(expected)
            assert hard[row].tolist() == pytest.approx(loop.harden(weights[row].tolist()))
            held = [w for w, value in zip(loop.held, loop.fixed, strict=True) if value is not None]
            assert state.held[row][known].tolist() == held
        # Free weights train on; the scale must not follow them once some are frozen.
        moved = weights * 1.5 + 0.1 * torch.randn(3, 12, generator=generator)
        weights = torch.where(state.frozen, state.held, moved)


def test_the_state_given_is_not_changed() -> None:
    weights = torch.tensor([[0.5, -2.0]])
    state = Frozen(weights > 9, 0 * weights, 0 * weights, torch.zeros(1, 1))
    grow(weights, state, torch.tensor([2]), "magnitude", BOOK)
    assert not state.frozen.any()
    assert not state.fixed.any()
    assert not state.scale.any()
