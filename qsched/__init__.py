"""qsched learns training schedules for quantized neural networks.

What a training loop of one's own needs is here: :func:`quantize`, :func:`attach`, :func:`convert`,
:func:`summary`, :class:`Precision`, and :func:`task`. They import torch when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qsched.attachment.controller import attach
    from qsched.attachment.convert import convert
    from qsched.attachment.precision import Precision
    from qsched.attachment.quantize import quantize
    from qsched.attachment.summary import summary
    from qsched.attachment.task import task

__all__ = [
    "Precision",
    "__version__",
    "attach",
    "convert",
    "quantize",
    "summary",
    "task",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module `qsched` has no attribute `{name}`")
    return getattr(importlib.import_module("qsched.attachment"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
