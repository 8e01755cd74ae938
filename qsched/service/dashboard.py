"""The Optuna dashboard behind the login of the server.

It serves absolute paths (``/dashboard``, ``/api``, ``/static``, ``/artifacts``, ``/csv``), so it
is mounted last, at ``/``, and takes whatever no route of the server wants. Who may do what is
decided before: the dashboard has no login of its own.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from a2wsgi import WSGIMiddleware
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from optuna_dashboard import wsgi
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qsched.errors import QschedError
from qsched.report.artifacts import artifact_store
from qsched.service.background import Background, Outcome
from qsched.service.dashboard_bodies import faults
from qsched.service.deps import StorageDep
from qsched.service.drawing import draw_to_dashboard
from qsched.service.errors import StateError
from qsched.service.pages.html import Page, error_page
from qsched.service.pool import Pool
from qsched.service.problems import problem
from qsched.storage import Storage

__all__ = ["Dashboard", "router"]

_log = logging.getLogger("qsched.service")
_STUDY = re.compile(r"/api/studies/(\d+)")
_IN_STUDY = re.compile(r"/(?:api/studies|api/artifacts|artifacts|csv)/(\d+)(?:/(\d+)(?=/|$))?")
_IN_TRIAL = re.compile(r"/api/trials/(\d+)")
_SECONDS = 60.0
"""For which figures and note of a study that has not ended are kept."""
_SANDBOX = "sandbox; default-src 'none'"
"""Of artifacts: anybody with the role of an editor may upload a page with scripts."""

router = APIRouter(include_in_schema=False, route_class=Page)


@router.get("/studies/{name}/dashboard")
def study(name: str, storage: StorageDep) -> Response:
    """Lead to a study in the dashboard."""
    storage.study(name)
    try:
        number = storage.optuna.get_study_id_from_name(name)
    except KeyError:
        raise StateError(
            f"`{name}` has no page in the Optuna dashboard: its first trials have not finished, "
            "or it was deleted there"
        ) from None
    return RedirectResponse(f"/dashboard/studies/{number}", 303)


class _Content:
    """Keeps what the dashboard shows of studies as they are: figures, note, files, once ended.

    That of an ended study is saved once, that of another one now and then: when somebody looks.
    """

    def __init__(
        self,
        pool: Pool,
        url: str,
        folder: Path,
        background: Background,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool, self._url, self._folder = pool, url, folder
        self._background, self._clock = background, clock
        self._saved: dict[tuple[int, str], tuple[str, float]] = {}

    def prepare(self, number: int) -> None:
        """Have what the study with this number of Optuna's lacks saved; nobody waits for it."""
        with self._pool.storage() as storage:
            try:
                name = storage.optuna.get_study_name_from_id(number)
                row = storage.study(name)
            except (KeyError, QschedError):
                return
        state, when = self._saved.get((number, name), ("", 0.0))
        ended = row.verdict is not None
        if state == row.state and (ended or self._clock() - when < _SECONDS):
            return

        def done(found: Outcome[None]) -> None:
            if found.error is not None:
                _log.warning("figures of %s are not in the dashboard: %s", name, found.error)
            self._saved[number, name] = row.state, self._clock()

        folder = self._folder if ended else None
        key = ("dashboard", number)
        self._background.submit(key, done, draw_to_dashboard, self._url, name, folder)


class Dashboard:
    """The dashboard as an application to be mounted last, with its rough edges taken off.

    Args:
        pool: the study database.
        url: the same database, for the dashboard alone.
        folder: where artifacts are kept; it is made where it is missing.
        background: draws figures.
    """

    def __init__(self, pool: Pool, url: str, folder: Path, background: Background) -> None:
        self._storage = Storage.open(url)
        self._content = _Content(pool, url, folder, background)
        inner = wsgi(self._storage.optuna, artifact_store=artifact_store(folder))
        self._app = cast(ASGIApp, WSGIMiddleware(inner))

    def close(self) -> None:
        """Close the database."""
        self._storage.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if not await run_in_threadpool(self._is_there, request.url.path):
            refusal = problem(404, "the dashboard has no such study or trial")
            await refusal(scope, receive, send)
            return
        body = await request.body()
        if request.method in ("POST", "PUT", "DELETE") and request.url.path.startswith("/api/"):
            body = body or b"{}"
            found = faults(body)
            if found:
                refusal = problem(422, "the dashboard cannot read this body", found)
                await refusal(scope, receive, send)
                return
        asked = _STUDY.fullmatch(request.url.path)
        if asked is not None and request.method == "GET":
            await run_in_threadpool(self._content.prepare, int(asked[1]))
        page = "text/html" in request.headers.get("accept", "")
        lost = False

        async def answer(message: Message) -> None:
            nonlocal lost
            if message["type"] == "http.response.start":
                lost = page and message["status"] == 404
                _fix_headers(MutableHeaders(scope=message), request.url.path)
            if not lost:
                await send(message)

        await self._app(_accepting(scope, body), _once(body), answer)
        if lost:
            response = error_page(request, 404, "There is no such page.")
            await response(scope, receive, send)

    def _is_there(self, path: str) -> bool:
        """Return whether the study and trial in a path exist; else the dashboard fails."""
        study, trial = _IN_STUDY.match(path), _IN_TRIAL.match(path)
        numbers = [study[2] if study else None, trial[1] if trial else None]
        storage = self._storage.optuna
        try:
            if study is not None:
                storage.get_study_name_from_id(int(study[1]))
            for number in filter(None, numbers):
                storage.get_trial(int(number))
        except (KeyError, OverflowError):
            return False
        return True


def _accepting(scope: Scope, body: bytes) -> Scope:
    """Return a request with headers without which the dashboard fails, and for this body."""
    headers = MutableHeaders(raw=list(scope["headers"]))
    headers.setdefault("accept-encoding", "identity")
    if body:
        headers["content-length"] = str(len(body))
    if scope["path"].startswith("/api/") and body:
        headers["content-type"] = "application/json"
    return {**scope, "headers": headers.raw}


def _once(body: bytes) -> Receive:
    """Return what hands a body on that was read already, and then that nobody is there."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _fix_headers(headers: MutableHeaders, path: str) -> None:
    if path.startswith("/artifacts/"):
        headers["Content-Security-Policy"] = _SANDBOX
        del headers["Access-Control-Allow-Origin"]
    if path.startswith("/static/"):
        headers["Cache-Control"] = "private, no-cache"
