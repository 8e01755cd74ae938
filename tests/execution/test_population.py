"""Populations: lineages are schedules, whose beginning is what was trained."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from qsched.errors import TrainingError
from qsched.execution import one_by_one, split
from qsched.execution.population import Evolving, Lineage, Member, Population
from qsched.schedules import Ana, Lag, LearningRate, Override, Place, Schedule, Window
from qsched.testing.trainings import TASK, make_runs
from tests.execution import fakes

PLACES = [Place("weights", 0.0), Place("activations", 1.0)]
NOISE = Ana(family="normal", forward_std=0.4, backward_std=0.6, backward_floor=0.3)
BASE = Schedule(
    window=Window(start=0.1, end=0.5, offset_start=0.2),
    lag=Lag(activations=0.1),
    weights=NOISE,
    activations=NOISE,
    learning_rate=LearningRate(initial=0.03),
    overrides=(
        Override(role="weights", window=Window(end=0.2)),
        Override(pattern="first", exclude=True),
    ),
)


def population(count: int = 4, segments: int = 3) -> Population:
    members = tuple(
        Member(BASE.model_copy(update={"lag": Lag(activations=k / 100)}), 0.1 + 0.1 * k, 0.1 * k)
        for k in range(1, count + 1)
    )
    return Population(TASK, 7, segments, members, (0.05, 0.5), (0.01, 1.0), (3, 0), 600.0)


def test_a_lineage_is_a_schedule_with_what_its_base_does_not_change() -> None:
    lineage = Lineage(base=BASE).grown(0.25, 0.01).grown(0.5, 0.02).grown(0.9, 0.02)
    schedule = lineage.schedule(3)
    assert lineage.hardening == (0.25, 0.75, 1.0)
    u = np.array([0.0, 1 / 6, 1 / 3, 2 / 3, 5 / 6, 1.0])
    expected = [0.0, 0.125, 0.25, 0.75, 0.875, 1.0]
    for place in PLACES:
        np.testing.assert_allclose(schedule.hardening(u, [place])[:, 0], expected, atol=1e-12)
    rates = schedule.learning_rates(np.array([0.0, 0.33, 0.34, 0.9]))
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.02, 0.02])
    assert (schedule.weights, schedule.activations) == (NOISE, NOISE)
    assert schedule.method(Place("weights", 0.0, "first")) is None
    assert Lineage.model_validate_json(lineage.model_dump_json()) == lineage


@pytest.mark.parametrize("seed", range(5))
def test_what_is_to_come_changes_nothing_before(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lineage, seen = Lineage(base=BASE), []
    for _ in range(6):
        lineage = lineage.grown(rng.uniform(0, 0.4), 10 ** rng.uniform(-3, -1))
        seen.append(lineage.schedule(6))
    for k, early in enumerate(seen, start=1):
        u = np.linspace(0, k / 6, 101)[:-1]
        np.testing.assert_array_equal(early.at(u, PLACES), seen[-1].at(u, PLACES))
        np.testing.assert_array_equal(early.learning_rates(u), seen[-1].learning_rates(u))


def test_accuracy_is_that_of_the_last_point_inside_and_0_of_what_diverged() -> None:
    three = population()
    lineage = Lineage(base=BASE).grown(0.5, 0.01)
    [result] = fakes.hardened([three.run(lineage)])
    assert three.accuracy(lineage, result) == result.curve[2].accuracy  # At 30 of 33 steps.
    failed = result.model_copy(update={"status": "failed", "curve": ()})
    assert three.accuracy(lineage, failed) == 0.0


ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")

from qsched.execution.ray import Ray  # noqa: E402
from qsched.execution.ray_cluster import connect  # noqa: E402


@pytest.fixture(scope="module")
def instance() -> Iterator[None]:
    connection = connect(None, cpus=2)
    yield
    if connection is not None:
        connection.close()


@pytest.mark.timeout(900)
def test_a_population_is_the_same_twice_and_leaves_workers_their_places(instance: None) -> None:
    cohorts, told = split(make_runs(2), 1), list[str]()
    asked = population()
    with Ray(fakes.hardened_at_any_time, 2) as executor:
        assert isinstance(executor, Evolving)
        running = executor.run(cohorts)
        next(running)
        with pytest.raises(ValueError, match="trains alone"):
            executor.evolve(asked, told.append)
        list(running)
        first = executor.evolve(asked, told.append)
        assert len(list(one_by_one(executor.run(cohorts)))) == 2
        again = executor.evolve(asked, told.append)
    assert again == first
    assert (first.trainings, first.seconds) == (12, 6.0)
    assert told[0] == "population of 4, segment 1 of 3"
    assert told[-1] == "population of 4, segment 3 of 3"
    for lineage in first.lineages:
        assert len(lineage.rates) == 3
        [result] = fakes.hardened([asked.run(lineage)])
        assert lineage.accuracy == result.accuracy
    # The worst member begins as another one did.
    own = [member.base for member in asked.members]
    assert [lineage.base for lineage in first.lineages] != own
    assert all(lineage.base in own for lineage in first.lineages)


@pytest.mark.timeout(900)
def test_a_member_that_fails_and_words_that_cannot_be_told_end_it(instance: None) -> None:
    asked = population(3, 2)
    bad = Member(BASE, 0.1, 1.0)
    failing = replace(asked, members=(*asked.members[:2], bad), rates=(1.0, 1.0))
    with (
        Ray(fakes.never_with_rate_1, 2) as executor,
        pytest.raises(TrainingError, match="failed 3 times: .*cannot read its disk"),
    ):
        executor.evolve(failing, lambda words: None)

    lock = threading.Lock()  # No part of what Tune writes down.

    def lost(words: str) -> None:
        with lock:
            raise ConnectionError(words)

    with Ray(fakes.hardened, 2) as executor, pytest.raises(ConnectionError, match="segment 1"):
        executor.evolve(asked, lost)
