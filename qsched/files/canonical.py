"""The name of JSON data by its content."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["json_digest"]


def json_digest(data: Any) -> str:
    """Return the SHA-256 of data's canonical JSON (sorted keys, no spaces), in hexadecimal.

    Equal data has equal digests, in whatever order its keys are; studies, schedules and runs are
    known by theirs.

    Args:
        data: what JSON can hold; NaN and infinities stand in it as Python writes them.

    Raises:
        TypeError: JSON cannot hold it.

    >>> json_digest({"a": 1, "b": [2]}) == json_digest({"b": [2], "a": 1})
    True
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
