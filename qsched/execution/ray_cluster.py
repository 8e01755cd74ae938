"""The Ray cluster that cohorts run on: found or started, measured, asked for workers."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import ray
from ray.exceptions import RayError

from qsched.errors import InputError
from qsched.execution.orphans import Guardian
from qsched.execution.ray_worker import RayWorker
from qsched.processes import descendants, find

__all__ = ["SPARE", "Connection", "connect", "end", "room", "worker_kind"]

_OBJECTS = 128 * 2**20
"""Bytes of shared memory of a local instance; cohorts and results are small."""

SPARE = 2
"""A local instance has twice the CPUs of its workers, so that one that stalls can be replaced."""

_PORT = 6379
_KNOCK = 10.0


class Connection:
    """A connection that this process has made, and must close."""

    def __init__(self, guardian: Guardian | None = None) -> None:
        self._guardian = guardian

    def close(self) -> None:
        """Disconnect; an instance of this machine ends."""
        ray.shutdown()
        if self._guardian is not None:
            self._guardian.dismiss()


def connect(address: str | None, cpus: float) -> Connection | None:
    """Connect to a cluster, or start one on this machine, unless this process is connected.

    Args:
        address: ``HOST``, ``HOST:PORT``, ``auto`` or ``ray://HOST:PORT``; None starts one that
            ends with this process.
        cpus: how many CPUs the workers of a new one need together.

    Returns:
        The connection; None if this process had one already.

    Raises:
        InputError: no cluster answers at the address.
    """
    if ray.is_initialized():
        return None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        options |= {"num_cpus": ceil(SPARE * cpus), "object_store_memory": _OBJECTS}
        before = descendants()
        # "local": another instance of this machine is not meant.
        ray.init("local", include_dashboard=False, **options)
        # Ray's helpers would outlive a killed study for a minute.
        return Connection(Guardian(descendants() - before))
    full = address if ":" in address or address == "auto" else f"{address}:{_PORT}"
    try:
        if full != "auto":
            _knock(full)
        ray.init(address=full, **options)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise InputError(
            f"a Ray cluster must answer at its address, but `{full}` does not: "
            f"{' '.join(str(error).split())[:200]}; this machine must be one of its nodes (`ray "
            "start --address`), or the address one for clients (`ray://HOST:10001`)"
        ) from None
    return Connection()


def _knock(address: str) -> None:
    """Raise ``OSError`` if nobody listens at an address: Ray itself tries for two minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    with socket.create_connection((parts.hostname or "", parts.port or _PORT), _KNOCK):
        pass


def room(cpus: float, gpus: float) -> int:
    """Return how many workers of ``cpus`` CPUs and ``gpus`` GPUs the cluster holds.

    Raises:
        InputError: none.
    """
    have: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    needs = {"CPU": cpus, "GPU": gpus}
    count = min(int(have.get(kind, 0) / need) for kind, need in needs.items() if need)
    if not count:
        raise InputError(
            f"a worker needs {cpus:g} CPUs and {gpus:g} GPUs, but the whole cluster has "
            f"{have.get('CPU', 0):g} and {have.get('GPU', 0):g}; ask for less"
        )
    return count


def worker_kind(cpus: float, gpus: float) -> Any:
    """Return the actor class of workers with so many CPUs, as threads, and GPUs."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    threads = dict.fromkeys(names, str(max(1, int(cpus))))
    remote: Any = ray.remote
    kind = remote(concurrency_groups={"alive": 1})(RayWorker)
    return kind.options(num_cpus=cpus, num_gpus=gpus, runtime_env={"env_vars": threads})


def end(actor: Any, node: str, pid: int) -> None:
    """End an actor at once, whatever it does.

    Args:
        actor: its handle.
        node: where it runs; empty if that is not known.
        pid: number of its process.
    """
    with suppress(RayError):
        ray.kill(actor, no_restart=True)
    if pid and node == ray.get_runtime_context().get_node_id():
        _end_stopped(pid)


def _end_stopped(pid: int) -> None:
    """End an actor of this machine that cannot obey because it is stopped (SIGSTOP)."""
    process = find(pid)
    if process is not None and process.name.startswith("ray::") and process.state == "T":
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
