"""The algorithms that are learned about."""

from __future__ import annotations

from typing import Literal

__all__ = ["Algorithm"]

Algorithm = Literal["ana", "inq"]
