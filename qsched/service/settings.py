"""What a server is told at its start."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["Limits", "Settings", "is_loopback"]


@dataclass(frozen=True)
class Limits:
    """The most that one server takes on.

    Attributes:
        body: bytes of a request's body.
        depth: levels of nesting of a study file.
        studies: studies that train at once; further ones wait.
        waiting: studies that wait.
        trials: candidates of a study.
        runs: trainings of a study, counted as if none were raced out.
        epochs: epochs of one training.
        baselines: hand-coded schedules of a study.
        size: width, batch size, lanes, and every other count of a study file.
        streams: event streams that are open at once.
        logins: failed logins from one address in a minute.
    """

    body: int = 65_536
    depth: int = 20
    studies: int = 2
    waiting: int = 16
    trials: int = 5_000
    runs: int = 200_000
    epochs: int = 1_000
    baselines: int = 64
    size: int = 100_000
    streams: int = 128
    logins: int = 10


@dataclass(frozen=True)
class Settings:
    """Where a server listens, what it serves, and whom it lets in.

    Attributes:
        database: URL of the study database.
        folder: where study files and logs of child processes are kept.
        tokens: the token file; None lets everybody in who reaches the server.
        host: address to bind to.
        port: port to bind to; 0 is any that is free.
        url: how browsers reach the server, if not by ``host`` and ``port``: a proxy's address.
        address: the Ray cluster that studies train on; None trains on this machine.
        gpus: GPUs of each worker of that cluster.
        workers: processes that train a study on this machine; None is one a CPU core.
        refresh: seconds for which a study's state is taken from memory.
        limits: the most that the server takes on.
    """

    database: str
    folder: Path
    tokens: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    url: str | None = None
    address: str | None = None
    gpus: float = 0.0
    workers: int | None = None
    refresh: float = 1.0
    limits: Limits = field(default_factory=Limits)

    @property
    def https(self) -> bool:
        """Whether browsers reach the server over HTTPS."""
        return self.url is not None and urlsplit(self.url).scheme == "https"

    @cached_property
    def hosts(self) -> frozenset[str] | None:
        """Names that a request's ``Host`` may have (without port); None is any.

        A page of another site can point a name of its own at this machine (DNS rebinding); it
        then asks for that name. Where every request needs a token, it has none.
        """
        if not is_loopback(self.host):
            return None
        names = {urlsplit(self.url).hostname or ""} if self.url else set()
        return frozenset({*names, self.host, "localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Return whether an address is reached from this machine only.

    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
