"""The application: API, pages, dashboard, and the middleware before them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from qsched import __version__
from qsched.service import api, dashboard, health, login
from qsched.service.authentication import Authenticator
from qsched.service.authorization import AuthorizationMiddleware
from qsched.service.background import Background, BackgroundProcess
from qsched.service.body_limit import BodyLimitMiddleware
from qsched.service.deps import Service
from qsched.service.launcher import Launcher, Subprocesses
from qsched.service.metrics import Metrics
from qsched.service.openapi import describe
from qsched.service.pages import add_pages
from qsched.service.pages.figure_cache import FigureCache
from qsched.service.pages.views import StudyViews
from qsched.service.pool import Pool
from qsched.service.problems import handle_errors
from qsched.service.queries import Queries
from qsched.service.request_log import RequestLogMiddleware
from qsched.service.response_cache import CachedResponseMiddleware, SnapshotCache, json_body
from qsched.service.sessions import LoginRateLimiter
from qsched.service.settings import Settings
from qsched.service.snapshots import Snapshots
from qsched.service.stream_limit import StreamLimiter
from qsched.service.studies import Studies
from qsched.service.supervisor import Supervisor
from qsched.service.unmatched import UnmatchedRoute

__all__ = ["create_app"]


def create_app(
    settings: Settings, launcher: Launcher | None = None, background: Background | None = None
) -> FastAPI:
    """Return the application of one server.

    Routes of its own come first; the Optuna dashboard, which must lie at ``/``, takes what is
    left. Its parts are in ``app.state.service``.

    Args:
        settings: where it listens, what it serves, whom it lets in.
        launcher: starts studies; None starts them as processes of this machine.
        background: draws figures and reports; None has a process do that.

    Raises:
        InputError: the token file cannot be used.
        StorageError: the study database cannot be opened.
    """
    service = _service(
        settings, launcher or Subprocesses(settings), background or BackgroundProcess()
    )
    figures = FigureCache(settings.database, service.background)
    views = StudyViews(service.studies, service.snapshots, figures)
    board = dashboard.Dashboard(
        service.pool, settings.database, settings.folder / "artifacts", service.background
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.supervisor.start()
        try:
            yield
        finally:
            board.close()
            service.close()

    app = FastAPI(
        title="qsched",
        version=__version__,
        summary="Learns training schedules for quantized neural networks.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.service = service
    handle_errors(app)
    for router in (api.router, health.router, login.router, dashboard.router):
        app.include_router(router)
    add_pages(app, views)
    describe(app)
    app.router.routes.append(UnmatchedRoute(app))
    app.mount("/", board)
    app.add_middleware(BodyLimitMiddleware, limit=settings.limits.body)
    polled = {"/v1/studies/": service.details, "/parts/studies/": views.parts}
    app.add_middleware(CachedResponseMiddleware, answers=polled)
    app.add_middleware(AuthorizationMiddleware, authenticator=service.authenticator)
    app.add_middleware(RequestLogMiddleware, metrics=service.metrics, https=settings.https)
    return app


def _service(settings: Settings, launcher: Launcher, background: Background) -> Service:
    limits, url = settings.limits, settings.database
    authenticator = Authenticator(settings)
    if authenticator.tokens is not None:
        authenticator.tokens.records()
    pool, queries = Pool(url), Queries(url)
    supervisor = Supervisor(pool, launcher, limits)
    snapshots = Snapshots(url, queries, supervisor.phase, settings.refresh)
    studies = Studies(limits, pool, queries, snapshots, supervisor, url, background)
    return Service(
        settings=settings,
        pool=pool,
        queries=queries,
        snapshots=snapshots,
        studies=studies,
        details=SnapshotCache(snapshots, lambda found: json_body(studies.detail(found))),
        supervisor=supervisor,
        authenticator=authenticator,
        login_limiter=LoginRateLimiter(limits.logins),
        streams=(streams := StreamLimiter(limits.streams)),
        metrics=Metrics(supervisor.counts, lambda: streams.count),
        background=background,
    )
