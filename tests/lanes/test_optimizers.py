"""Optimizers on rows against torch.optim, lane by lane."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qsched.lanes.coefficients import coefficients
from qsched.lanes.optimizers import clip, make_optimizer
from qsched.specs import OptimizerSpec

SPECS = [
    OptimizerSpec(name="adam", eps=1e-8),
    OptimizerSpec(name="adam", betas=(0.7, 0.9), eps=1e-2, weight_decay=0.1),
    OptimizerSpec(name="sgd", momentum=0.9, weight_decay=0.1),
    OptimizerSpec(name="sgd", momentum=0.0),
]
LANES, SIZE, WEIGHTS, STEPS = 3, 11, 7, 12


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("cleared", [None, 5])
def test_rows_equal_torch_optim(spec: OptimizerSpec, cleared: int | None) -> None:
    random = torch.Generator().manual_seed(1)
    start = torch.randn(LANES, SIZE, dtype=torch.float64, generator=random)
    grads = torch.randn(STEPS, LANES, SIZE, dtype=torch.float64, generator=random)
    rates = 10.0 ** -np.random.default_rng(0).uniform(1, 4, (STEPS, LANES))
    ages = np.arange(1, STEPS + 1)[:, None].repeat(LANES, axis=1)
    if cleared is not None:
        ages[cleared:, 1] -= cleared  # lane 1 forgets before step 5
    values = start.clone()
    optimizer = make_optimizer(values, spec, WEIGHTS)
    table = torch.from_numpy(coefficients(spec, rates, ages))
    for step in range(STEPS):
        if step == cleared:
            optimizer.clear(torch.tensor([1]))
        optimizer.step(values, grads[step].clone(), table[:, step])
    for lane in range(LANES):
        forgets = cleared if lane == 1 else None
        expected = alone(spec, start[lane], grads[:, lane], rates[:, lane], forgets)
        torch.testing.assert_close(values[lane], expected, rtol=0, atol=1e-12)


def alone(
    spec: OptimizerSpec,
    start: torch.Tensor,
    grads: torch.Tensor,
    rates: np.ndarray,
    cleared: int | None,
) -> torch.Tensor:
    parts = [start[:WEIGHTS].clone().requires_grad_(), start[WEIGHTS:].clone().requires_grad_()]

    def fresh() -> torch.optim.Optimizer:
        groups = [
            {"params": [part], "weight_decay": decay}
            for part, decay in zip(parts, (spec.weight_decay, 0.0), strict=True)
        ]
        if spec.name == "adam":
            return torch.optim.Adam(groups, betas=spec.betas, eps=spec.eps)
        return torch.optim.SGD(groups, momentum=spec.momentum)

    optimizer = fresh()
    for step, grad in enumerate(grads):
        optimizer = fresh() if step == cleared else optimizer
        for group in optimizer.param_groups:
            group["lr"] = rates[step]
        parts[0].grad, parts[1].grad = grad[:WEIGHTS].clone(), grad[WEIGHTS:].clone()
        optimizer.step()
    return torch.cat(parts).detach()


def test_keep_drops_state() -> None:
    values = torch.ones(3, 4)
    optimizer = make_optimizer(values, OptimizerSpec(), weights=4)
    table = torch.from_numpy(coefficients(OptimizerSpec(), np.ones(3), np.ones(3, int))).float()
    optimizer.step(values, torch.arange(12.0).view(3, 4), table)
    before = [moment.clone() for moment in optimizer.state]
    optimizer.keep(torch.tensor([2, 0]))
    for moment, old in zip(optimizer.state, before, strict=True):
        assert torch.equal(moment, old[[2, 0]])


def test_clip_acts_on_each_lane_as_torch_does() -> None:
    grads = torch.randn(4, 9, dtype=torch.float64) * torch.tensor([0.01, 1, 10, 0])[:, None]
    expected = grads.clone()
    for row in expected:
        leaf = torch.zeros(9, dtype=torch.float64, requires_grad=True)
        leaf.grad = row
        torch.nn.utils.clip_grad_norm_([leaf], 0.5)
    clip(grads, 0.5)
    torch.testing.assert_close(grads, expected, rtol=1e-12, atol=0)
    assert grads.norm(dim=1).max() <= 0.5
