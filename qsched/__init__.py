"""qsched learns training schedules for quantized neural networks.

What a training loop of one's own needs is here: :func:`quantize`, :func:`attach`, :func:`convert`,
:func:`summary`, :class:`Precision`, and :func:`task`. They import torch when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qsched.attach.controller import attach
    from qsched.attach.convert import convert
    from qsched.attach.precision import Precision
    from qsched.attach.quantize import quantize
    from qsched.attach.summary import summary
    from qsched.attach.task import task

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
    package = importlib.import_module("qsched.attach")
    # The package can be called as the function, and holds what else is public.
    return package if name == "attach" else getattr(package, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
