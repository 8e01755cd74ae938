"""Logging in and out with a browser: a token for a session cookie."""

from __future__ import annotations

import math
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from qsched.service.deps import ServiceDep
from qsched.service.problems import problem, responses
from qsched.service.sessions import HOURS

__all__ = ["local", "router"]

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
    next: Annotated[str, Form(max_length=2000, description="The page to go to.")] = "/",  # noqa: A002
) -> Response:
    """Open a session: sets a cookie that scripts cannot read and other sites cannot send."""
    doorman, address = service.doorman, request.client.host if request.client else ""
    wait = service.attempts.wait(address)
    if wait:
        seconds = math.ceil(wait)
        return problem(
            429,
            f"too many failed logins; try again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )
    if doorman.tokens is None:
        return RedirectResponse(local(next), 303)
    record = doorman.tokens.find(token.strip())
    if record is None:
        service.attempts.fail(address)
        service.metrics.failed_logins.inc()
        return RedirectResponse("/login?failed=1", 303)
    response = RedirectResponse(local(next), 303)
    response.set_cookie(
        doorman.cookie,
        doorman.sessions.start(record.id),
        max_age=HOURS * 3600,
        path="/",
        secure=service.settings.https,
        httponly=True,
        samesite="strict",
    )
    return response


@router.post(
    "/logout",
    status_code=303,
    response_class=RedirectResponse,
    responses={303: _SEEN, **responses()},
)
def logout(request: Request, service: ServiceDep) -> Response:
    """End the session."""
    doorman = service.doorman
    doorman.sessions.end(request.cookies.get(doorman.cookie, ""))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(doorman.cookie, path="/", secure=service.settings.https, httponly=True)
    return response


def local(target: str) -> str:
    """Return ``target`` if it is a page of this server, else ``/``.

    >>> local("/studies/a?tab=1"), local("//elsewhere.example"), local("https://elsewhere.example")
    ('/studies/a?tab=1', '/', '/')
    """
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"
