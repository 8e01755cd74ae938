"""Refusals that only a server has."""

from __future__ import annotations

from qsched.errors import InputError

__all__ = ["BusyError", "MediaError", "StateError"]


class StateError(InputError):
    """What is asked for does not go with what is stored, or with the state that a study is in."""


class BusyError(InputError):
    """The server does as much as it may already; the same request can be repeated later."""


class MediaError(InputError):
    """A body is neither YAML nor JSON."""
