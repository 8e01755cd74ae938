"""Refusals that only a server has."""

from __future__ import annotations

from qsched.errors import InputError

__all__ = ["BusyError", "ConflictError"]


class ConflictError(InputError):
    """What is asked for does not go with the state that a study is in."""


class BusyError(InputError):
    """The server does as much as it may already; the same request can be repeated later."""
