"""Where commands train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qsched.cli.options import default_workers
from qsched.cli.worker import alone, prepare, train
from qsched.errors import InputError
from qsched.execution import Executor, Inline, Local, never

if TYPE_CHECKING:
    from qsched.specs import TaskSpec

__all__ = ["Cluster", "at_once", "cluster_of", "executor"]

_AT_FIRST = 2
"""Cohorts with which a study begins, however many workers there are."""


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster to train on.

    Attributes:
        address: where it runs; None is one that this command starts on this machine.
        gpus: GPUs of each worker; 0 trains on CPUs.
        cpus: CPUs of each worker, and threads of its arithmetic.
    """

    address: str | None = None
    gpus: float = 0.0
    cpus: float = 1.0


def cluster_of(ray: bool, address: str | None, gpus: float, cpus: float | None) -> Cluster | None:
    """Return the cluster that the options of a command ask for; None if they ask for none."""
    return Cluster(address, gpus, cpus or 1.0) if ray or address or gpus or cpus else None


def at_once(workers: int | None, cluster: Cluster | None = None) -> int | None:
    """Return how many cohorts are trained at once; None: as many as a running cluster holds."""
    if workers is None and cluster is not None and cluster.address is not None:
        return None
    return workers or default_workers()


def executor(
    workers: int | None,
    plugins: Sequence[Path],
    cluster: Cluster | None = None,
    *,
    task: TaskSpec | None = None,
) -> Executor:
    """Return an executor in this process, for one worker, in several of this machine, or on Ray.

    Args:
        workers: number of processes; None is one a CPU core, or what a running cluster holds.
        plugins: files that workers load first.
        cluster: the Ray cluster; None does without Ray.
        task: what will be trained for certain: the first processes of this machine start at once
            and load what it takes, while the caller prepares. None lets them start when they are
            needed.

    Raises:
        InputError: Ray is not installed, or a plugin cannot be read.
    """
    if cluster is not None:
        return _on_ray(workers, plugins, cluster)
    count = workers or default_workers()
    if count == 1:
        return Inline(train)
    if task is None:
        return Local(train, count, plugins, alone=alone)
    initializer = partial(prepare, task)
    local = Local(train, count, plugins, alone=alone, initializer=initializer)
    local.start(_AT_FIRST)
    return local


def _on_ray(workers: int | None, plugins: Sequence[Path], cluster: Cluster) -> Executor:
    try:
        from qsched.execution.ray import Ray
    except ModuleNotFoundError as error:
        raise InputError(
            f"training on Ray needs packages that are not installed ({error.name}); install "
            "them with `pip install 'qsched[ray]'`, or leave --ray, --address, --gpus and "
            "--cpus out"
        ) from None
    where = partial(train, device="cuda") if cluster.gpus else train
    return Ray(
        where,
        at_once(workers, cluster),
        plugins,
        address=cluster.address,
        cpus=cluster.cpus,
        gpus=cluster.gpus,
        alone=never if cluster.gpus else alone,
    )
