"""Logged-in browsers, and how often logging in failed."""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

__all__ = ["HOURS", "LoginRateLimiter", "Sessions", "local"]

HOURS = 12
_KEPT = 10_000


class Sessions:
    """Sessions, in memory: a restart of the server ends them all.

    What a browser holds is 256 random bits; what is kept here is their hash.

    Args:
        clock: seconds, increasing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def start(self, token: str) -> str:
        """Return the secret of a new session of the token with the id ``token``."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._open[_hash(secret)] = (token, self._clock() + HOURS * 3600)
            while len(self._open) > _KEPT:
                self._open.popitem(last=False)
        return secret

    def token(self, secret: str) -> str | None:
        """Return the id of the token that a session was opened with; None for no session."""
        with self._lock:
            token, end = self._open.get(_hash(secret), ("", 0.0))
        return token if self._clock() < end else None

    def end(self, secret: str) -> None:
        """End a session, if there is one."""
        with self._lock:
            self._open.pop(_hash(secret), None)


class LoginRateLimiter:
    """Failed logins of the last minute, by address.

    Args:
        limit: failures after which an address must wait.
        clock: seconds, increasing.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Return how many seconds ``address`` must wait before it tries again; 0: it need not."""
        now = self._clock()
        with self._lock:
            times = self._failed.get(address, deque())
            while times and times[0] <= now - 60:
                times.popleft()
            return times[0] + 60 - now if len(times) >= self._limit else 0.0

    def fail(self, address: str) -> None:
        """Note a failed login."""
        with self._lock:
            times = self._failed.setdefault(address, deque(maxlen=self._limit))
            times.append(self._clock())
            self._failed.move_to_end(address)
            while len(self._failed) > _KEPT:
                self._failed.popitem(last=False)


def local(target: str) -> str:
    """Return ``target`` if it is a page of this server, else ``/``.

    >>> local("/studies/a?tab=1"), local("//elsewhere.example"), local("https://elsewhere.example")
    ('/studies/a?tab=1', '/', '/')
    """
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
