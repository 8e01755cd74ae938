"""Which runs are trained together."""

import itertools

import pytest

from qsched.execution import split
from qsched.schedules import Inq, LearningRate, Schedule
from qsched.specs import Run
from qsched.testing.trainings import TASK, make_runs


@pytest.mark.parametrize("lanes", [1, 3, 8, 64])
@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 64, 65, 130])
def test_each_run_once_in_balanced_cohorts(count: int, lanes: int) -> None:
    runs = make_runs(count)
    cohorts = split(runs, lanes)
    # One kind of run: the order stays.
    assert list(itertools.chain(*cohorts)) == runs
    sizes = [len(cohort) for cohort in cohorts]
    if count:
        assert 1 <= min(sizes) <= max(sizes) <= lanes
        assert max(sizes) - min(sizes) <= 1
        fewest = -(-count // lanes)
        assert len(cohorts) in (fewest, fewest + 1)
    assert count < 16 or lanes == 1 or len(cohorts) % 2 == 0


@pytest.mark.parametrize("lanes", [1, 3, 64])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 12, 64, 130, 600])
def test_runs_that_train_alone_keep_all_workers_busy_to_the_end(count: int, lanes: int) -> None:
    runs = make_runs(count)
    cohorts = split(runs, lanes, parts=4)
    assert list(itertools.chain(*cohorts)) == runs
    sizes = [len(cohort) for cohort in cohorts]
    assert max(sizes) <= lanes
    assert max(sizes) - min(sizes) <= 1
    assert len(cohorts) == count or len(cohorts) % 4 == 0
    fewest = -(-count // lanes)
    assert len(cohorts) in range(fewest, fewest + 4)


def test_runs_that_train_alone_stay_in_their_order() -> None:
    normal, random = make_runs(3, family="normal"), make_runs(3, forward="random")
    mixed = [run for two in zip(normal, random, strict=True) for run in two]
    assert split(mixed, 64, parts=2) == [tuple(mixed[:3]), tuple(mixed[3:])]


def test_a_cohort_has_one_task_and_one_length() -> None:
    other = TASK.model_copy(update={"epochs": 40})
    runs = [*make_runs(5), *make_runs(3, length=0.5), *make_runs(4, task=other)]
    mixed = runs[::2] + runs[1::2]
    cohorts = split(mixed, 64)
    kinds = [{(run.task, run.length) for run in cohort} for cohort in cohorts]
    assert [len(kind) for kind in kinds] == [1, 1, 1]
    assert sorted(len(cohort) for cohort in cohorts) == [3, 4, 5]
    assert set(itertools.chain(*cohorts)) == set(runs)


def test_runs_that_quantize_alike_stay_together() -> None:
    normal = make_runs(6, family="normal")
    random = make_runs(6, forward="random")
    rate = LearningRate(initial=0.01)
    inq = [
        Run(task=TASK, seed=i, schedule=Schedule(weights=Inq(), learning_rate=rate))
        for i in range(6)
    ]
    plain = [Run(task=TASK, seed=i, schedule=Schedule(learning_rate=rate)) for i in range(6)]
    shuffled = [run for four in zip(normal, random, inq, plain, strict=True) for run in four]
    cohorts = split(shuffled, 64)
    flat = list(itertools.chain(*cohorts))
    blocks = [flat[i : i + 6] for i in range(0, 24, 6)]
    assert sorted(blocks, key=repr) == sorted([normal, random, inq, plain], key=repr)
    assert len(cohorts) == 2
    assert split(shuffled, 64) == cohorts


def test_lanes_must_be_positive() -> None:
    with pytest.raises(ValueError, match="lanes >= 1, but got 0"):
        split(make_runs(1), 0)


def test_parts_must_be_positive() -> None:
    with pytest.raises(ValueError, match="parts >= 1, but got 0"):
        split(make_runs(1), 1, 0)
