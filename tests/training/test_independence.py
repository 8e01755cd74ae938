"""A run's result depends on neither its cohort nor its place in it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qsched.specs import Run
from qsched.training import train
from qsched.training.cohort import Cohort
from tests.training.small import ana, inq, make_run, mixed_schedules, schedule, small_task
from tests.training.test_against_reference import TOLERANCE, cohort_of


def rows_by_key(cohort: Cohort) -> dict[str, np.ndarray]:
    rows = cohort.buffers.values.numpy()
    return {run.key: row for run, row in zip(cohort.runs, rows, strict=True)}


def mixed_runs(network: str) -> list[Run]:
    task = small_task(network)
    return [make_run(task, one, seed=i % 5) for i, one in enumerate(mixed_schedules())]


@pytest.mark.parametrize("network", ["small-mlp", "small-cnn", "small-residual"])
def test_alone_and_together(network: str) -> None:
    runs = mixed_runs(network)
    together = rows_by_key(cohort_of(runs, 6))
    for run in runs[::3]:
        alone = cohort_of([run], 6).buffers.values[0].numpy()
        np.testing.assert_allclose(together[run.key], alone, rtol=0, atol=TOLERANCE)


def test_order_of_the_runs() -> None:
    runs = mixed_runs("small-mlp")
    shuffled = [runs[i] for i in np.random.default_rng(1).permutation(len(runs))]
    results = train(runs, dtype=torch.float64)
    again = {r.key: r for r in train(shuffled, dtype=torch.float64)}
    assert [r.key for r in results] == [run.key for run in runs]
    for result in results:
        other = again[result.key]
        assert result.accuracy == other.accuracy
        assert result.loss == pytest.approx(other.loss, abs=1e-6)


@pytest.mark.parametrize("network", ["small-mlp", "small-residual"])
def test_dropping_lanes_changes_nothing_for_the_others(network: str) -> None:
    runs = mixed_runs(network)
    whole, cut = cohort_of(runs, 4), cohort_of(runs, 4)
    rows = [i for i in range(len(runs)) if i % 3 != 1]
    cut.keep(rows)
    for cohort in (whole, cut):
        cohort.train(range(4, 7))
    expected = rows_by_key(whole)
    found = rows_by_key(cut)
    assert list(found) == [run.key for i, run in enumerate(whole.runs) if i in rows]
    for key, row in found.items():
        np.testing.assert_allclose(row, expected[key], rtol=0, atol=TOLERANCE)


def test_equal_runs_get_equal_results() -> None:
    run = make_run(small_task(), schedule(ana(forward="random"), ana()), seed=3)
    first, second = train([run, run])
    assert first.model_copy(update={"seconds": 0.0}) == second.model_copy(update={"seconds": 0.0})


def test_random_numbers_are_common_to_all_schedules() -> None:
    """Two methods that compute the same thing from one seed train to the same parameters."""
    task = small_task()
    noiseless = schedule(
        ana(forward_std=0.0, mean=0.0, forward="random"), ana(forward_std=0.0, mean=0.0)
    )
    plain = schedule(
        ana(forward_std=0.0, mean=0.0), ana(forward_std=0.0, mean=0.0, forward="mode")
    )
    cohort = cohort_of([make_run(task, noiseless, 4), make_run(task, plain, 4)], 6)
    values = cohort.buffers.values
    torch.testing.assert_close(values[0], values[1], rtol=0, atol=TOLERANCE)


def test_seeds_change_weights_batches_noise_and_partition() -> None:
    task = small_task()
    for one in (schedule(None, None), schedule(None, ana(forward="random")), inq("random")):
        cohort = cohort_of([make_run(task, one, seed) for seed in (1, 2)], 4)
        assert (cohort.buffers.values[0] - cohort.buffers.values[1]).abs().max() > 0.1
