"""What a server remembers of a study that it runs, in the notes of the study."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

__all__ = ["NOTE", "Job"]

NOTE = "service"
"""The key of the note."""


class Job(BaseModel):
    """A study that a server runs or ran.

    Attributes:
        wanted: ``run`` until it ends or is stopped, then ``stop``.
        order: jobs start in this order.
        pid: number of its process; None: there is none.
        since: when that was started, see :func:`qsched.service.process.started`.
        deaths: how often its process was killed since somebody asked for the study.
        reason: why it failed.
    """

    model_config = ConfigDict(extra="ignore")

    wanted: Literal["run", "stop"] = "run"
    order: float
    pid: int | None = None
    since: str = ""
    deaths: int = 0
    reason: str | None = None

    @classmethod
    def of(cls, notes: dict[str, Any]) -> Self | None:
        """Return what the notes of a study hold; None: no server ran it."""
        try:
            return cls.model_validate(notes[NOTE]) if NOTE in notes else None
        except ValidationError:
            return None
