"""Initial parameters, views and rows."""

from __future__ import annotations

import numpy as np
import torch

from qsched.lanes.buffers import Buffers, view
from qsched.lanes.layers import Activation, BatchNorm, Linear
from qsched.lanes.parameters import initial_values
from qsched.lanes.plan import make_plan

PLAN = make_plan(
    (Linear(50), BatchNorm(), Activation(), Linear(40), Linear(9, quantized=False, bias=True)),
    (100,),
)
FIRST, SECOND, HEAD = (PLAN.blocks[i].columns for i in range(3))


def test_weights_start_uniform_in_their_fan_in() -> None:
    row = initial_values(PLAN, 3, [None, None])
    for columns, fan_in in ((FIRST, 100), (SECOND, 50), (HEAD, 40)):
        scaled = row[columns] * np.sqrt(fan_in)
        assert np.abs(scaled).max() <= 1
        # A uniform variable has variance 1/3; five standard errors of its estimate.
        assert abs(scaled.var() - 1 / 3) < 5 * np.sqrt(4 / 45 / scaled.size)
    assert np.abs(row[PLAN.columns("bias")]).max() <= 1 / np.sqrt(40)
    assert np.all(row[PLAN.columns("scale")] == 1)
    assert np.all(row[PLAN.columns("shift")] == 0)


def test_annealed_weights_start_around_thresholds_drawn_alike() -> None:
    plain = initial_values(PLAN, 3, [None, None])
    moved = initial_values(PLAN, 3, [(-0.5, 0.5), None])
    step = moved - plain
    assert set(np.round(step[FIRST], 12)) == {-0.5, 0.5}
    assert abs(step[FIRST].mean()) < 5 * 0.5 / np.sqrt(5000)
    # Nothing else changes: streams are common to all schedules.
    assert np.all(np.delete(step, np.arange(5000)) == 0)
    shifted = initial_values(PLAN, 3, [(-0.7, 0.3), (-0.7, 0.3)])
    np.testing.assert_allclose(shifted[FIRST], moved[FIRST] - 0.2, atol=1e-12)


def test_seeds_differ() -> None:
    assert not np.any(
        initial_values(PLAN, 1, [None] * 2)[:50] == initial_values(PLAN, 2, [None] * 2)[:50]
    )


def test_views_share_the_rows() -> None:
    rows = torch.zeros(2, PLAN.size)
    view(rows, PLAN.blocks[0])[1, 3, 4] = 7
    assert rows[1, 3 * 100 + 4] == 7
    assert rows.count_nonzero() == 1


def test_keep_copies_whole_rows_in_order() -> None:
    buffers = Buffers.of(torch.arange(3.0)[:, None].repeat(1, PLAN.size), PLAN)
    kept = buffers.keep(torch.tensor([2, 0]))
    assert kept.values[:, 5].tolist() == [2, 0]
    assert kept.effective[:, 5].tolist() == [2, 0]
    assert kept.mean.shape == (2, 50)
