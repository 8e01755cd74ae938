"""What every executor must do, whatever it trains on."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from qsched.errors import DataError, TrainingError
from qsched.execution import Executor, Inline, Local, Train, split
from tests.execution import fakes

Make = Callable[[Train], Executor]


def on_ray(train: Train) -> Executor:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from qsched.execution.ray import Ray
    from qsched.execution.ray_cluster import connect

    connection = connect(None, cpus=2)
    if connection is not None:
        _CONNECTIONS.append(connection)
    return Ray(train, 2)


_CONNECTIONS: list[Any] = []


@pytest.fixture(scope="module", autouse=True)
def _disconnect() -> Iterator[None]:
    yield
    for connection in _CONNECTIONS:
        connection.close()
    _CONNECTIONS.clear()


pytestmark = pytest.mark.parametrize(
    "make", [Inline, partial(Local, workers=1), partial(Local, workers=2), on_ray]
)


def test_results_belong_to_their_cohorts(make: Make) -> None:
    cohorts = split(fakes.make_runs(23), 5)
    with make(fakes.echo) as executor:
        answers = dict(executor.run(cohorts))
    assert sorted(answers) == list(range(len(cohorts)))
    for index, cohort in enumerate(cohorts):
        assert [result.key for result in answers[index]] == [run.key for run in cohort]
        assert [result.steps for result in answers[index]] == [run.seed for run in cohort]


def test_no_cohorts(make: Make) -> None:
    with make(fakes.echo) as executor:
        assert list(executor.run([])) == []


def test_an_executor_serves_many_calls(make: Make) -> None:
    with make(fakes.echo) as executor:
        for count in (3, 7, 1):
            cohorts = split(fakes.make_runs(count), 1)
            assert len(list(executor.run(cohorts))) == count


@pytest.mark.parametrize("train", [fakes.short, fakes.swapped])
def test_results_of_other_runs_are_refused(make: Make, train: Train) -> None:
    with (
        make(train) as executor,
        pytest.raises(TrainingError, match="one result a run, in their order"),
    ):
        list(executor.run([tuple(fakes.make_runs(4))]))


def test_an_exception_becomes_one_line_after_what_was_finished(make: Make) -> None:
    cohorts = split(fakes.make_runs(5), 1)
    finished = []
    with make(fakes.raises_at_3) as executor:
        with pytest.raises(TrainingError) as caught:
            for index, _ in executor.run(cohorts):
                finished.append(index)
        assert [index for index, _ in executor.run(cohorts[4:])] == [0]
    assert str(caught.value) == (
        "cohort of 1 runs (mlp9 on digits, length 1, seeds 3 to 3): ValueError: no such layer"
    )
    # Cohort 3 failed; those before it were finished or under way. While workers are replaced to
    # try it again, others may go on.
    assert sorted(finished) in ([0, 1, 2], [0, 1, 2, 4])


def test_a_mistake_of_the_user_stays_one(make: Make) -> None:
    with make(fakes.lacks_data) as executor, pytest.raises(DataError) as caught:
        list(executor.run([tuple(fakes.make_runs(1))]))
    assert str(caught.value) == str(DataError("download the file"))
    assert caught.value.exit_code == 2


def test_an_error_while_results_are_used_ends_the_call(make: Make) -> None:
    cohorts = split(fakes.make_runs(6), 1)
    with make(fakes.echo) as executor:
        with pytest.raises(KeyboardInterrupt):
            for _ in executor.run(cohorts):
                raise KeyboardInterrupt
        # No answer of the call that was left is taken for one of this.
        answers = dict(executor.run(cohorts[3:]))
    assert [answers[i][0].steps for i in range(3)] == [3, 4, 5]
