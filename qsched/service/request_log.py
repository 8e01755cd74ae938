"""What every answer carries, and what every request leaves behind: headers, a log line, counts."""

from __future__ import annotations

import logging
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qsched.service.metrics import Metrics
from qsched.service.problems import problem

__all__ = ["RequestLogMiddleware"]

_log = logging.getLogger("qsched.service")

_HEADERS = {
    # An answer that is no page needs nothing at all; pages and dashboard bring policies along.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HSTS = ("Strict-Transport-Security", "max-age=31536000")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestLogMiddleware:
    """The outermost layer: whatever happens inside, the answer is a response with these headers.

    The log has method, path, status, time, the name of the token and an id that the answer
    carries as ``X-Request-Id``; never a query, a body, a header or a token.

    Args:
        app: what is inside.
        metrics: counts requests.
        https: whether browsers reach the server over HTTPS.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, https: bool) -> None:
        self._app, self._metrics = app, metrics
        headers = _HEADERS | dict([_HSTS] if https else [])
        self._headers = [(k.lower().encode(), v.encode()) for k, v in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, begin = secrets.token_hex(8), time.perf_counter()
        status, stream = 0, False

        async def wrapped(message: Message) -> None:
            nonlocal status, stream
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                present = dict(headers)
                headers += [each for each in self._headers if each[0] not in present]
                message["headers"] = [*headers, (b"x-request-id", number.encode())]
                stream = present.get(b"content-type", b"").startswith(b"text/event-stream")
            await send(message)

        try:
            await self._app(scope, receive, wrapped)
        except Exception:
            _log.exception("%s failed", number)
            if not status:
                fault = f"this is a fault of the server; its log has it as {number}"
                await problem(500, fault)(scope, receive, wrapped)
        finally:
            seconds = time.perf_counter() - begin
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.request(method, _route(scope), status, seconds, stream)
            principal = scope.get("state", {}).get("principal")
            _log.info(
                "%s %s %r %d %.0f ms %s",
                number,
                method,
                scope["path"][:200],
                status,
                1000 * seconds,
                principal.name if principal is not None else "-",
            )


def _route(scope: Scope) -> str:
    """Return the pattern of the route that answered, not the path: there are few patterns."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) and path else "other"
