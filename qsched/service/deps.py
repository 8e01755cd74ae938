"""What routes and pages ask FastAPI for: the server's parts, and who asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from qsched.service.access import Principal
from qsched.service.authentication import Authenticator
from qsched.service.background import Background
from qsched.service.metrics import Metrics
from qsched.service.pool import Pool
from qsched.service.queries import Queries
from qsched.service.response_cache import CachedBody, SnapshotCache
from qsched.service.sessions import LoginRateLimiter
from qsched.service.settings import Settings
from qsched.service.snapshots import Snapshots
from qsched.service.stream_limit import StreamLimiter
from qsched.service.studies import Studies
from qsched.service.supervisor import Supervisor
from qsched.storage import Storage

__all__ = ["PrincipalDep", "Service", "ServiceDep", "StorageDep", "StudiesDep"]


@dataclass(frozen=True)
class Service:
    """The parts of one server; kept as ``app.state.service``.

    ``details`` are the answers to ``GET /v1/studies/{name}``.
    """

    settings: Settings
    pool: Pool
    queries: Queries
    snapshots: Snapshots
    studies: Studies
    details: SnapshotCache[CachedBody]
    supervisor: Supervisor
    authenticator: Authenticator
    login_limiter: LoginRateLimiter
    streams: StreamLimiter
    metrics: Metrics
    background: Background

    def close(self) -> None:
        """Close databases, and watch studies no longer; they go on."""
        self.background.close()
        self.supervisor.close()
        self.snapshots.close()
        self.queries.close()
        self.pool.close()


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


def _storage(service: Annotated[Service, Depends(_service)]) -> Iterator[Storage]:
    with service.pool.storage() as storage:
        yield storage


async def _studies(service: Annotated[Service, Depends(_service)]) -> Studies:
    return service.studies


async def _principal(request: Request) -> Principal | None:
    return cast("Principal | None", request.scope["state"]["principal"])


ServiceDep = Annotated[Service, Depends(_service)]
"""The server's parts."""

StorageDep = Annotated[Storage, Depends(_storage)]
"""The study database, for this request alone."""

StudiesDep = Annotated[Studies, Depends(_studies)]
"""What the service does with studies."""

PrincipalDep = Annotated[Principal | None, Depends(_principal)]
"""Who asks; None on a public route. See :mod:`qsched.service.authorization`."""
