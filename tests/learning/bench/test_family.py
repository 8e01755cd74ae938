"""The tuned hand-coded family: published schedules, their time axes and exponents changed."""

from __future__ import annotations

import numpy as np
import pytest

from qsched.learning.bench.family import family_plans, stretched
from qsched.learning.bench.tasks import load_bench_spec
from qsched.schedules import Place
from qsched.schedules.file import load_schedule

BENCH = load_bench_spec()
PLACES = [Place("weights", depth) for depth in (0.0, 0.5, 1.0)]


@pytest.mark.parametrize("name", ["ana-2019-partition", "ana-cvpr-same-end-homogeneous-static"])
def test_stretching_scales_the_time_axis(name: str) -> None:
    schedule = load_schedule(name).schedule
    scale = 0.9 / schedule.window.end
    u = np.linspace(0, 1 / scale, 50)
    plain, made = schedule.at(u, PLACES), stretched(schedule, 0.9, 1.0).at(u * scale, PLACES)
    np.testing.assert_allclose(made, plain, atol=1e-12)


def test_every_hand_coded_annealing_schedule_is_a_member_and_none_is_twice_the_same() -> None:
    plans = family_plans(BENCH)
    assert len({plan.arm.schedule.sha256 for plan in plans}) == len(plans) == 256
    low, high = BENCH.design_learning_rates
    assert all(low <= plan.rates[0] <= high for plan in plans)
    widths = {plan.arm.schedule.weights.backward_std for plan in plans}  # type: ignore[union-attr]
    published = {
        load_schedule(name).schedule.weights.backward_std  # type: ignore[union-attr]
        for name in BENCH.baselines
        if name.startswith(("ana", "ede", "delayed"))
    }
    assert widths == published
