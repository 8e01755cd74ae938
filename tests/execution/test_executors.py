"""The executors of the project."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from qsched.execution import Executor, Inline, Local, Train
from qsched.testing.executor import ExecutorTestCase, Make


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
