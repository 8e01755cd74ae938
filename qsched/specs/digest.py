"""The name of a model's content."""

from __future__ import annotations

from pydantic import BaseModel

from qsched.files import json_digest

__all__ = ["digest"]


def digest(model: BaseModel) -> str:
    """Return the SHA-256 of a model's canonical JSON (sorted keys, no spaces), in hexadecimal."""
    return json_digest(model.model_dump(mode="json"))
