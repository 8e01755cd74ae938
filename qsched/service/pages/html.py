"""Templates to responses: the policy that every page is under, and errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import Response

from qsched import __version__
from qsched.errors import QschedError
from qsched.service.access import Principal, Role
from qsched.service.pages.assets import asset_url
from qsched.service.pages.lines import NONE
from qsched.service.problems import problem, status_of
from qsched.service.response_cache import CachedBody

__all__ = ["POLICY", "Page", "error_page", "page", "part", "part_body", "refusal"]

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # plotly.js draws heat maps as images of its own.
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
"""No script, style, image or connection but the server's own, and nothing inline."""

_TEMPLATES = Environment(
    loader=PackageLoader("qsched.service"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.globals.update(asset=asset_url, none_yet=NONE, version=__version__)


def page(request: Request, template: str, context: dict[str, Any], status: int = 200) -> Response:
    """Return a page; what it shows of who asks is taken from ``request``."""
    text = _TEMPLATES.get_template(template).render(_visitor(request) | context)
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
    return Response(text, status, headers=headers, media_type="text/html")


def part(request: Request, template: str, context: dict[str, Any]) -> Response:
    """Return a part of a page, or 304 where the browser has it already."""
    body = part_body(template, _visitor(request) | context)
    return body.response(request.headers.get("if-none-match"))


def part_body(template: str, context: dict[str, Any]) -> CachedBody:
    """Return a part of a page that is the same for everybody."""
    text = _TEMPLATES.get_template(template).render(context)
    headers = {"Content-Security-Policy": POLICY}
    return CachedBody(text.encode(), "text/html; charset=utf-8", headers)


def error_page(request: Request, status: int, detail: str) -> Response:
    """Return the page of an error."""
    phrase = HTTPStatus(status).phrase
    context = {"status": status, "title": phrase, "detail": detail or f"{phrase}."}
    return page(request, "error.html.jinja", context, status)


def refusal(
    request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a refusal as its reader takes it: a page for a browser, else a problem document."""
    browser = "text/html" in request.headers.get("accept", "")
    if not browser or request.scope["path"].startswith("/v1/"):
        return problem(status, detail, headers=headers)
    response = error_page(request, status, detail)
    response.headers.update(headers or {})
    return response


class Page(APIRoute):
    """A route whose errors are pages, not problem documents."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler, its errors caught."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except QschedError as error:
                return error_page(request, status_of(error), str(error))
            except HTTPException as error:
                return error_page(request, error.status_code, error.detail)
            except RequestValidationError:
                return error_page(request, 422, "The request's parameters break rules.")

        return answer


def _visitor(request: Request) -> dict[str, Any]:
    principal: Principal | None = request.scope.get("state", {}).get("principal")
    editor = principal is not None and principal.role.covers(Role.EDITOR)
    return {"principal": principal, "editor": editor, "here": None}
