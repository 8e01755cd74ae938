"""Who asks, by bearer token or session; and which requests another site may have made."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from qsched.service.access import OPEN, Principal
from qsched.service.sessions import Sessions
from qsched.service.settings import Settings
from qsched.service.tokens import TokenFile, TokenRecord

__all__ = ["Authenticator"]

_COOKIE = "qsched_session"


class Authenticator:
    """Knows tokens and sessions.

    Args:
        settings: the server's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.tokens = TokenFile(settings.tokens) if settings.tokens is not None else None
        self.sessions = Sessions()

    @property
    def cookie(self) -> str:
        """Name of the session cookie; browsers guard the prefix ``__Host-`` where there is TLS."""
        return f"__Host-{_COOKIE}" if self._settings.https else _COOKIE

    def principal(self, request: HTTPConnection) -> Principal | None:
        """Return who asks; None for somebody unknown.

        Where a request has both, the bearer token counts alone.
        """
        if self.tokens is None:
            return OPEN
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind:
            record = self.tokens.find(token.strip()) if kind.lower() == "bearer" else None
            return _principal(record, "token")
        number = self.sessions.token(request.cookies.get(self.cookie, ""))
        return _principal(self.tokens.valid(number) if number else None, "session")

    def is_asked_host(self, request: HTTPConnection) -> bool:
        """Return whether a request is for a name of this server; see :attr:`Settings.hosts`."""
        hosts = self._settings.hosts
        name = _hostname(request.headers.get("host", ""))
        return bool(name) and (hosts is None or name in hosts)

    def is_own(self, request: HTTPConnection) -> bool:
        """Return whether no other site can have made a request.

        Browsers say with every request that may change something where it comes from; scripts
        cannot change these headers. A program that is no browser sends neither, and no other site
        can make it do anything.
        """
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        if site is not None:
            return site in ("same-origin", "none")
        if origin is None:
            return True
        own = {request.headers.get("host", "").lower()}
        if self._settings.url is not None:
            own.add(urlsplit(self._settings.url).netloc.lower())
        return urlsplit(origin).netloc.lower() in own - {""}


def _principal(record: TokenRecord | None, via: str) -> Principal | None:
    if record is None:
        return None
    return Principal(record.name, record.role, "token" if via == "token" else "session")


@lru_cache(maxsize=64)
def _hostname(host: str) -> str:
    """Return a ``Host`` header's name without its port.

    >>> _hostname("localhost:8000"), _hostname("[::1]:80"), _hostname("a@localhost")
    ('localhost', '::1', '')
    """
    try:
        parts = urlsplit(f"//{host}")
    except ValueError:
        return ""
    clean = parts.netloc == host and "@" not in host
    return (parts.hostname or "") if clean else ""
