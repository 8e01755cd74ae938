"""Style and script of the pages, under ``/assets/``: a fixed set of files, held in memory.

Pages name a file with the hash of its content, so a browser may keep it for ever.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from plotly.offline import get_plotlyjs
from starlette.exceptions import HTTPException
from starlette.responses import Response

__all__ = ["Asset", "asset_url", "assets", "map_style", "router"]

router = APIRouter(prefix="/assets", include_in_schema=False)

_TYPES = {
    "draw.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "launch.js": "text/javascript",
    "plotly.css": "text/css",
    "site.css": "text/css",
    "site.js": "text/javascript",
}
_SHARED = {"draw.js": "figures.js", "site.css": "colors.css"}
"""What a file begins with: a file of the report, whose figures and colors are the same."""

_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """A file as it is sent.

    Attributes:
        body: its content.
        packed: its content by gzip.
        media_type: of its content.
        hash: names its content.
    """

    body: bytes
    packed: bytes
    media_type: str
    hash: str


@cache
def assets() -> dict[str, Asset]:
    """Return all files by name; ``plotly.js`` is that of the installed package."""
    found = {name: _asset(_content(name), kind) for name, kind in _TYPES.items()}
    return found | {"plotly.js": _asset(get_plotlyjs().encode(), "text/javascript")}


@cache
def map_style() -> str | None:
    """Return the id of the element that keeps plotly.js from adding its style of maps.

    Loading plotly.js adds an inline style unless there is an element of this id already; the
    content policy would block the style, and browsers complain about each try.
    """
    found = re.search(r'getElementById\("([0-9a-f]{64})"\)', get_plotlyjs())
    return found[1] if found else None


def asset_url(name: str) -> str:
    """Return the address of a file: another one for another content."""
    return f"/assets/{name}?{assets()[name].hash}"


@router.api_route("/{name}", methods=["GET", "HEAD"])
def read(name: str, request: Request) -> Response:
    """Send a file; one that is asked for by its hash may be kept for ever."""
    asset = assets().get(name)
    if asset is None:
        raise HTTPException(404)
    named = request.url.query == asset.hash
    headers = {
        "Cache-Control": _FOREVER if named else "no-cache",
        "ETag": f'"{asset.hash}"',
        "Vary": "Accept-Encoding",
    }
    if asset.hash in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.body, headers=headers, media_type=asset.media_type)
    headers["Content-Encoding"] = "gzip"
    return Response(asset.packed, headers=headers, media_type=asset.media_type)


def _content(name: str) -> bytes:
    own = (files("qsched.service") / "static" / name).read_bytes()
    if name not in _SHARED:
        return own
    return (files("qsched.report") / "templates" / _SHARED[name]).read_bytes() + own


def _asset(body: bytes, media_type: str) -> Asset:
    packed = gzip.compress(body, mtime=0)
    return Asset(body, packed, media_type, hashlib.sha256(body).hexdigest()[:16])
