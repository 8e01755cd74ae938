"""Paths of the server with a wrong method, and unknown ones: the dashboard would not know them."""

from __future__ import annotations

import re
from functools import cached_property

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Match, compile_path
from starlette.types import Receive, Scope, Send

from qsched.service.problems import problem

__all__ = ["UnmatchedRoute"]

_OWN = "/v1/"


class UnmatchedRoute(BaseRoute):
    """Refuses what no route of ``app`` takes, where the path is the server's own.

    It is for the end of the routes, before the dashboard, which claims every path.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @cached_property
    def _own(self) -> list[tuple[re.Pattern[str], frozenset[str]]]:
        """Patterns and methods of all routes, once they are all there."""
        return [
            (compile_path(route.path)[0], frozenset(route.methods))
            for route in iter_route_contexts(self._app.routes)
            if route.path is not None and route.methods
        ]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match own paths; a route before this one has taken those with the right method."""
        if scope["type"] != "http":
            return Match.NONE, {}
        own = scope["path"].startswith(_OWN) or any(
            regex.match(scope["path"]) and scope["method"] not in methods
            for regex, methods in self._own
        )
        return (Match.FULL if own else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say which methods can be used, or that there is nothing."""
        allowed = {
            m for regex, methods in self._own if regex.match(scope["path"]) for m in methods
        }
        if allowed:
            allow = ", ".join(sorted(allowed))
            answer = problem(405, f"only {allow} can be used here", headers={"Allow": allow})
        else:
            answer = problem(404, "there is nothing here; /v1/openapi.json lists what there is")
        await answer(scope, receive, send)
