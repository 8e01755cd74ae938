"""Logging in and out with a browser: a token for a session cookie."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from qsched.service.deps import Service, ServiceDep
from qsched.service.pages.html import refusal
from qsched.service.problems import responses
from qsched.service.sessions import HOURS, local

__all__ = ["router"]

router = APIRouter(tags=["login"])

_SEEN = {"description": "See Other: where to go now; `/login?failed=1` for a wrong token"}


@router.post(
    "/login",
    status_code=303,
    response_class=RedirectResponse,
    responses={303: _SEEN, **responses(422, 429)},
)
def login(
    request: Request,
    service: ServiceDep,
    token: Annotated[str, Form(max_length=200, description="The token.")],
    next: Annotated[str, Form(max_length=2000, description="The page to go to.")] = "/",
) -> Response:
    """Open a session: sets a cookie that scripts cannot read and other sites cannot send."""
    authenticator = service.authenticator
    if authenticator.tokens is None:
        return RedirectResponse(local(next), 303)
    # Failures alone are limited: who knows a token is let in, whoever else guesses from there.
    record = authenticator.tokens.find(token.strip())
    if record is None:
        return _failed(request, service)
    response = RedirectResponse(local(next), 303)
    response.set_cookie(
        authenticator.cookie,
        authenticator.sessions.start(record.id),
        max_age=HOURS * 3600,
        path="/",
        secure=service.settings.https,
        httponly=True,
        samesite="strict",
    )
    return response


def _failed(request: Request, service: Service) -> Response:
    address = request.client.host if request.client else ""
    wait = math.ceil(service.login_limiter.wait(address))
    if wait:
        words = f"too many failed logins; try again in {wait} s"
        return refusal(request, 429, words, {"Retry-After": str(wait)})
    service.login_limiter.fail(address)
    service.metrics.failed_logins.inc()
    return RedirectResponse("/login?failed=1", 303)


@router.post(
    "/logout",
    status_code=303,
    response_class=RedirectResponse,
    responses={303: _SEEN, **responses()},
)
def logout(request: Request, service: ServiceDep) -> Response:
    """End the session."""
    authenticator = service.authenticator
    authenticator.sessions.end(request.cookies.get(authenticator.cookie, ""))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(
        authenticator.cookie, path="/", secure=service.settings.https, httponly=True
    )
    return response
