"""Tables of schedules against the schedules themselves, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from qsched.errors import InputError
from qsched.lanes.plan import make_plan
from qsched.schedules import Inq, LearningRate, Steps, Window
from qsched.tasks import build_network, step_counts
from qsched.training.table import make_table
from tests.training.small import ana, inq, make_run, mixed_schedules, schedule, small_task

TASK = small_task(width=3)
PLACES = make_plan(build_network(TASK, 3), (6,)).places


def test_rows_are_the_schedule_at_each_step() -> None:
    schedules = [*mixed_schedules(), *mixed_schedules()[:3]]
    table = make_table(schedules, PLACES, 7)
    assert table.steps == 7
    assert len(table.controls) == len(mixed_schedules())  # equal schedules are computed once
    for lane, one in enumerate(schedules):
        row = table.index[lane]
        for step in range(7):
            u = step / 7
            np.testing.assert_array_equal(table.controls[row, step].T, one.at(u, PLACES))
            assert table.rates[row, step] == one.learning_rates(u)


def test_learning_rates_restart_with_the_stages() -> None:
    one = schedule(
        Inq(),
        None,
        window=Window(start=0.0, end=1.0),
        decay=Steps(stages=2),
        learning_rate=LearningRate(initial=1.0, restart=True),
    )
    # Stages begin at .5 and at 1; within each, the rate drops at .8.
    assert make_table([one], PLACES, 10).rates[0].tolist() == [1, 1, 1, 1, 0.1] * 2


def test_optimizer_state_is_cleared_at_stages_where_asked() -> None:
    table = make_table([inq(reset=True), inq(), schedule(ana(), ana())], PLACES, 10)
    # Stages begin at .3, .6 and .9.
    cleared = {step: table.clears(step).tolist() for step in range(10)}
    assert {step for step, lanes in cleared.items() if lanes} == {3, 6, 9}
    assert cleared[3] == [0]
    assert table.keep([1, 0]).clears(3).tolist() == [1]


def test_length_rescales_the_steps() -> None:
    run = make_run(TASK, inq(), length=0.6)
    assert step_counts(run, examples=70) == (4, 5)  # 2 epochs of 4 steps, times .6
    assert step_counts(make_run(TASK, inq(), length=1e-3), examples=70) == (4, 1)


def test_a_batch_larger_than_the_data() -> None:
    with pytest.raises(InputError, match="batch size must not exceed the 15 training examples"):
        step_counts(make_run(TASK, inq()), examples=15)
