"""The executors of the project."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from qsched.execution import Executor, Inline, Local, Train
from qsched.specs import TaskSpec
from qsched.testing.executor import ExecutorTestCase, Make
from qsched.testing.trainings import TASK, echo


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


class TestExecutors(ExecutorTestCase):
    @pytest.fixture(params=[Inline, partial(Local, workers=1), partial(Local, workers=2), on_ray])
    def make(self, request: pytest.FixtureRequest) -> Make:
        return request.param


def is_small(task: TaskSpec) -> bool:
    return task.epochs < 20


@pytest.mark.parametrize(("workers", "parts"), [(1, 2), (3, 6), (None, 32)])
def test_runs_that_train_alone_are_split_for_all_workers(workers: int | None, parts: int) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from qsched.execution.ray import Ray

    small, large = (TASK.model_copy(update={"epochs": epochs}) for epochs in (10, 20))
    executors: list[Executor] = [Ray(echo, workers, address="head", alone=is_small)]
    if workers is not None:
        executors.append(Local(echo, workers, alone=is_small))
    for executor in executors:
        with executor:
            assert (executor.parts(small), executor.parts(large)) == (parts, 1)


def test_one_worker_keeps_runs_together() -> None:
    assert Inline(echo).parts(TASK) == 1
