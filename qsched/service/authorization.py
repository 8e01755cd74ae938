"""Authorization of every request, the mounted dashboard's too, before any route sees it."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from qsched.errors import QschedError
from qsched.service.access import required
from qsched.service.authentication import Authenticator
from qsched.service.pages.html import refusal
from qsched.service.problems import problem

__all__ = ["AuthorizationMiddleware"]


class AuthorizationMiddleware:
    """Lets a request in, or answers it with a problem document, a browser with a page.

    The rules are those of :func:`~qsched.service.access.required`. Besides, a request must be
    for this server (DNS rebinding), and one that may change something must not be able to come
    from another site (CSRF), whatever it is for.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator) -> None:
        self._app, self._authenticator = app, authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # There are no WebSockets here.
        refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that may not pass; note who asks for one that may."""
        if not self._authenticator.is_asked_host(request):
            return problem(
                421,
                "this server answers only to its own name; start it with --url if browsers "
                "reach it by another one",
            )
        # Not `request.url`, which a client can bend with its `Host`.
        path: str = request.scope["path"]
        needed = required(request.method, path)
        try:
            principal = self._authenticator.principal(request)
        except QschedError as error:
            return refusal(request, 503, str(error))
        request.scope.setdefault("state", {})["principal"] = principal
        if needed is not None and principal is None:
            return _login(request)
        safe = request.method in ("GET", "HEAD", "OPTIONS")
        by_token = principal is not None and principal.via == "token"
        if not safe and not by_token and not self._authenticator.is_own(request):
            words = "another site made this request; repeat it on this server's pages"
            return refusal(request, 403, words)
        if needed is not None and principal is not None and not principal.role.covers(needed):
            words = f"this needs the role {needed}, but yours is {principal.role}"
            return refusal(request, 403, words)
        return None


def _login(request: Request) -> Response:
    """Return where a browser that goes to a page logs in, and a refusal for everything else."""
    page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    path: str = request.scope["path"]
    if page and not path.startswith("/v1/"):
        query = request.scope["query_string"].decode("latin-1")
        target = f"{path}?{query}" if query else path
        return RedirectResponse(f"/login?next={quote(target, safe='/')}", 303)
    return problem(
        401,
        "this server wants a token; send it as `Authorization: Bearer TOKEN`, or log in",
        headers={"WWW-Authenticate": 'Bearer realm="qsched"'},
    )
