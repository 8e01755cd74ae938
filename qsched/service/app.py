"""The application: API, pages, dashboard, and the gate before them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from qsched import __version__
from qsched.service import api
from qsched.service.deps import Service
from qsched.service.gate import Gate
from qsched.service.pool import Pool
from qsched.service.problems import handle_errors
from qsched.service.settings import Settings
from qsched.service.studies import Studies

__all__ = ["create_app"]


def create_app(settings: Settings) -> FastAPI:
    """Return the application of one server.

    Routes of its own come first; the Optuna dashboard, which must lie at ``/``, takes what is
    left. Its parts are in ``app.state.service``.

    Raises:
        StorageError: the study database cannot be opened.
    """
    pool = Pool(settings.database)
    service = Service(settings, pool, Studies(settings, pool))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            pool.close()

    app = FastAPI(
        title="qsched",
        version=__version__,
        summary="Learns training schedules for quantized neural networks.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        max_body_size=settings.limits.body,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.service = service
    handle_errors(app)
    app.include_router(api.router)
    app.add_middleware(Gate, settings=settings)
    return app
