"""What lives in a Ray actor: a worker that trains cohorts and says meanwhile that it lives."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence

import ray

from qsched.execution.cohorts import Cohort
from qsched.execution.executor import Train
from qsched.execution.worker import Outcome, loaded, trained
from qsched.plugins import Plugin

__all__ = ["RayWorker", "surroundings"]

_FOLLOWED = ("QSCHED_DATA", "QSCHED_ENGINE")
"""Variables of the study process that hold for its workers, unless their machine sets them."""

_LOOK = 1.0


def surroundings() -> dict[str, str]:
    """Return what workers should know of this process's environment."""
    return {name: os.environ[name] for name in _FOLLOWED if name in os.environ}


class RayWorker:
    """Trains cohorts in one thread and answers ``alive`` in another.

    Args:
        train: the training function.
        plugins: loaded first.
        environment: variables to set where this machine has none.
    """

    def __init__(
        self, train: Train, plugins: Sequence[Plugin], environment: Mapping[str, str]
    ) -> None:
        self._train = train
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        self._loaded = loaded(plugins)
        threading.Thread(target=_die_with_node, args=(os.getppid(),), daemon=True).start()

    def start(self) -> tuple[Outcome, str, int]:
        """Return whether it is ready, its node, and the number of its process."""
        return self._loaded, ray.get_runtime_context().get_node_id(), os.getpid()

    def train(self, cohort: Cohort) -> Outcome:
        """Train a cohort."""
        return trained(self._train, cohort)

    @ray.method(concurrency_group="alive")
    def alive(self) -> None:
        """Return at once, also while a cohort is trained: training lets other threads go on."""


def _die_with_node(raylet: int) -> None:
    """End this process when Ray's daemon of this node has ended; Ray lets a training finish."""
    while os.getppid() == raylet:
        time.sleep(_LOOK)
    os._exit(1)
