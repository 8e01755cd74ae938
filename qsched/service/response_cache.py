"""What many readers poll: made once of a study's snapshot, then sent to all of them as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from pydantic import BaseModel
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from qsched.service.snapshots import Snapshot, Snapshots

__all__ = ["CachedBody", "CachedResponseMiddleware", "SnapshotCache", "json_body"]

T = TypeVar("T")


@dataclass(frozen=True)
class CachedBody:
    """The body of an answer, and what names it (RFC 9110, 8.8.3).

    Attributes:
        content: the bytes.
        media_type: of the content.
        headers: further headers of the answer.
        etag: another one for another content.
    """

    content: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "etag", f'"{hashlib.sha256(self.content).hexdigest()[:32]}"')

    def response(self, if_none_match: str | None) -> Response:
        """Return the answer: 304 without content where the client has this very content.

        Args:
            if_none_match: that header of the request.

        >>> body = CachedBody(b"{}", "application/json")
        >>> body.response(None).status_code, body.response(f'W/{body.etag}, "x"').status_code
        (200, 304)
        """
        headers = {**self.headers, "Cache-Control": "private, no-cache", "ETag": self.etag}
        if if_none_match is not None and self._is_among(if_none_match):
            return Response(status_code=304, headers=headers)
        return Response(self.content, headers=headers, media_type=self.media_type)

    def _is_among(self, tags: str) -> bool:
        return any(tag.strip().removeprefix("W/") in (self.etag, "*") for tag in tags.split(","))


def json_body(model: BaseModel) -> CachedBody:
    """Return a model as JSON."""
    return CachedBody(model.model_dump_json().encode(), "application/json")


class SnapshotCache(Generic[T]):
    """Values that are made of snapshots, each once, and kept as long as its snapshot.

    May be used by several threads; now and then two of them make the same value.

    Args:
        snapshots: the studies.
        make: makes a value; it may wait for other threads.
    """

    def __init__(self, snapshots: Snapshots, make: Callable[[Snapshot], T]) -> None:
        self._snapshots, self._make = snapshots, make
        self._made: WeakKeyDictionary[Snapshot, T] = WeakKeyDictionary()

    def ready(self, name: str) -> T | None:
        """Return the value for a study without reading, making or waiting; None if it must."""
        snapshot = self._snapshots.ready(name)
        return None if snapshot is None else self._made.get(snapshot)

    def get(self, name: str) -> T:
        """Return the value for a study as it is now; raises as :meth:`Snapshots.get`."""
        snapshot = self._snapshots.get(name)
        made = self._made.get(snapshot)
        if made is None:
            made = self._made[snapshot] = self._make(snapshot)
        return made


@dataclass(frozen=True)
class _Route:
    """Stands for the route that would have answered, where requests are counted by route."""

    path: str


class CachedResponseMiddleware:
    """Sends what is ready before a route is looked for; everything else goes on to ``app``.

    A route costs several times what sending costs. It is for the inside of what checks who asks.

    Args:
        app: answers everything else, and what is not ready.
        answers: by the path of a study without its name, ending in a slash.
    """

    def __init__(self, app: ASGIApp, answers: Mapping[str, SnapshotCache[CachedBody]]) -> None:
        self._app = app
        self._answers = {
            path: (_Route(f"{path}{{name}}"), ready) for path, ready in answers.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = self._ready(scope) if scope["type"] == "http" else None
        if body is None:
            await self._app(scope, receive, send)
            return
        response = body.response(Headers(scope=scope).get("if-none-match"))
        await response(scope, receive, send)

    def _ready(self, scope: Scope) -> CachedBody | None:
        path, slash, name = scope["path"].rpartition("/")
        if scope["method"] != "GET" or path + slash not in self._answers:
            return None
        route, answers = self._answers[path + slash]
        scope["route"] = route
        return answers.ready(name)
