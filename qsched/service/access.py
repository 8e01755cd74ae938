"""Who may do what: roles, who asks, and what a request needs."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["OPEN", "PUBLIC", "Principal", "Role", "required"]


class Role(enum.StrEnum):
    """A viewer reads; an editor also launches, stops, resumes and deletes."""

    VIEWER = "viewer"
    EDITOR = "editor"

    def covers(self, needed: Role) -> bool:
        """Return whether this role may do what ``needed`` may.

        >>> Role.EDITOR.covers(Role.VIEWER), Role.VIEWER.covers(Role.EDITOR)
        (True, False)
        """
        return self is Role.EDITOR or needed is Role.VIEWER


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Attributes:
        name: the name of the token.
        role: what they may do.
        via: how they showed who they are; ``open`` is a server without tokens.
    """

    name: str
    role: Role
    via: Literal["token", "session", "open"]


OPEN = Principal("local", Role.EDITOR, "open")

_ASSET = re.compile("/assets/[a-z0-9.-]+")

PUBLIC = frozenset(
    {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/login"), ("POST", "/login")}
)
"""What needs no login; besides, everything under ``/assets/``: style and script of the pages."""


def required(method: str, path: str) -> Role | None:
    """Return the role that a request needs; None lets everybody in.

    Whatever changes nothing (by its method) is for viewers, everything else for editors, but for
    :data:`PUBLIC` and for logging out. So a new route is closed until somebody opens it.

    >>> required("GET", "/api/studies"), required("DELETE", "/api/studies/1")
    (<Role.VIEWER: 'viewer'>, <Role.EDITOR: 'editor'>)
    """
    reads = method in ("GET", "HEAD", "OPTIONS")
    if ("GET" if method == "HEAD" else method, path) in PUBLIC:
        return None
    if reads and _ASSET.fullmatch(path):
        return None
    return Role.VIEWER if reads or (method, path) == ("POST", "/logout") else Role.EDITOR
