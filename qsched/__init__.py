"""qsched learns training schedules for quantized neural networks.

What a training loop of one's own needs is here: :func:`quantize`, :func:`attach`, :func:`convert`
and :func:`task`. They import torch when they are first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["__version__"]

__version__ = "0.1.0"

_LAZY = ("convert", "quantize", "task")


def __getattr__(name: str) -> Any:
    if name == "attach":
        return importlib.import_module("qsched.attach")
    if name in _LAZY:
        return getattr(importlib.import_module("qsched.attach"), name)
    raise AttributeError(f"module `qsched` has no attribute `{name}`")
