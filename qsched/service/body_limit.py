"""Bodies of requests: taken in as a whole, within limits of size and time."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qsched.service.problems import problem

__all__ = ["BodyLimitMiddleware"]

_SECONDS = 30.0


class BodyLimitMiddleware:
    """Hands a request on when its whole body is there.

    Args:
        app: what gets it.
        limit: the most bytes of a body.
        seconds: how long it may take to come.
    """

    def __init__(self, app: ASGIApp, limit: int, seconds: float = _SECONDS) -> None:
        self._app, self._limit, self._seconds = app, limit, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._body(scope, receive)
        except TimeoutError:
            await problem(408, "the body did not come in time")(scope, receive, send)
            return
        if body is None:
            detail = f"a body has at most {self._limit} bytes on this server"
            await problem(413, detail, headers={"Connection": "close"})(scope, receive, send)
            return
        first: Message | None = {"type": "http.request", "body": body, "more_body": False}

        async def replay() -> Message:
            nonlocal first
            if first is None:
                return await receive()
            message, first = first, None
            return message

        await self._app(scope, replay, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body; None if it is too long."""
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdecimal() and int(stated[:20]) > self._limit:
            return None
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._limit:
                return None
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return bytes(body)
