"""What all models of the schedule package share: frozen, closed, strict."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["SLACK", "Frozen"]

SLACK = 1e-9
"""Progress that is nearer than this to a change counts as past it: rounding of u must not delay
a change by a step."""


class Frozen(BaseModel):
    """A value object: immutable, no unknown keys, no silent conversion of types, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
