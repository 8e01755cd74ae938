"""Clocks: an even one is the open loop; a deadline ends every one; signals are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from qsched.errors import InputError
from qsched.learning.controller import linear, replay
from qsched.schedules import Ana, LearningRate, Schedule, Window
from qsched.schedules.file import load_schedule
from qsched.specs import DataSpec, NetworkSpec, Run, TaskSpec
from qsched.training import train
from qsched.training.closed_loop import SIGNALS, clock_floor, train_by_clock

TASK = TaskSpec(
    data=DataSpec(name="synthetic", train=64, validation=64),
    network=NetworkSpec(name="mlp3", width=8),
    epochs=4,
    batch_size=16,
)
NOISE = Ana(forward_std=0.3, backward_std=0.6, backward_floor=1.0)
SCHEDULE = Schedule(
    window=Window(end=1.0),
    weights=NOISE,
    activations=NOISE,
    learning_rate=LearningRate(initial=0.02),
)


def runs(schedule: Schedule = SCHEDULE, seeds: int = 3) -> list[Run]:
    return [Run(task=TASK, schedule=schedule, seed=seed) for seed in range(seeds)]


def stand(signals: np.ndarray, u: float) -> np.ndarray:
    return np.zeros(len(signals))


@pytest.mark.parametrize("end", [0.5, 1.0])
def test_an_even_clock_is_the_open_loop(end: float) -> None:
    window = Window(end=end)
    open_loop = train(runs(SCHEDULE.model_copy(update={"window": window})), engine="torch")
    found = train_by_clock(runs(), linear(end))
    assert found.accuracy.tolist() == pytest.approx([r.accuracy for r in open_loop])
    expected = np.minimum(np.arange(1, 5) / 4 / end, 1)
    np.testing.assert_allclose(found.clocks, np.tile(expected, (3, 1)))


def test_a_deadline_ends_every_clock() -> None:
    found = train_by_clock(runs(seeds=1), stand)
    np.testing.assert_allclose(found.clocks[0], [clock_floor(k / 4) for k in range(1, 5)])
    assert found.clocks[0, -1] == 1


def test_a_replay_repeats_what_it_replays() -> None:
    first = train_by_clock(runs(), lambda signals, u: 0.3 + 2 * signals[:, 2])
    again = [
        train_by_clock(runs()[i : i + 1], replay(first.clocks[i])).accuracy[0] for i in range(3)
    ]
    np.testing.assert_allclose(first.accuracy, again)


def test_the_rule_sees_one_row_a_lane_once_an_epoch() -> None:
    seen: list[np.ndarray] = []

    def rule(signals: np.ndarray, u: float) -> np.ndarray:
        seen.append(signals.copy())
        return np.ones(len(signals))

    found = train_by_clock(runs(), rule)
    assert [rows.shape for rows in seen] == [(3, len(SIGNALS))] * 4
    assert (seen[0] == 0).all()
    np.testing.assert_array_equal(np.stack(seen[1:], 1), found.signals[:, :-1])
    improvement, saturated, flips, _ = np.moveaxis(found.signals, -1, 0)
    assert (improvement[:, 0] == 0).all()  # There is no epoch before the first.
    assert (np.abs(improvement[:, 1:]) > 0).all()
    assert ((flips >= 0) & (flips <= 1)).all()
    # Without noise every weight is farther from its threshold than two standard deviations.
    assert (saturated[:, -1] == 1).all()
    assert (saturated[:, 0] < 1).all()


def test_frozen_weights_have_no_clock() -> None:
    with pytest.raises(InputError, match="kind `ana`"):
        train_by_clock(runs(load_schedule("inq-halves").schedule), stand)
