"""Whether the server lives and works, and its counters."""

from __future__ import annotations

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from qsched.errors import QschedError
from qsched.service.deps import ServiceDep
from qsched.service.models import Health
from qsched.service.openapi import SIGNED_IN
from qsched.service.problems import responses

__all__ = ["router"]

router = APIRouter(tags=["server"])


@router.get("/healthz", responses=responses())
def healthz() -> Health:
    """Say that the server lives."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"description": "Failing", "model": Health}})
def readyz(response: Response, service: ServiceDep) -> Health:
    """Say whether the database answers and studies are watched."""
    try:
        service.queries.ping()
    except QschedError:
        # Anybody may ask; only the log says what is wrong with the database.
        response.status_code = 503
        return Health(status="failing", detail="the study database does not answer")
    if not service.supervisor.healthy:
        response.status_code = 503
        return Health(status="failing", detail="studies are not watched")
    return Health(status="ok")


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=list(SIGNED_IN),
    responses={
        200: {
            "description": "Prometheus's text format",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **responses(),
    },
)
def metrics(service: ServiceDep) -> Response:
    """Return the server's counters."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
