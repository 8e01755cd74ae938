"""The name of a model's content."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel

__all__ = ["digest"]


def digest(model: BaseModel) -> str:
    """Return the SHA-256 of a model's canonical JSON (sorted keys, no spaces), in hexadecimal."""
    text = json.dumps(model.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
