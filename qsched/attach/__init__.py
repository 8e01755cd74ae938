"""A schedule inside a user's own model and training loop.

The package is a function, too: ``qsched.attach(model, optimizer, schedule, total_steps=N)`` is
:func:`qsched.attach.controller.attach`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from qsched.attach.controller import Controller, attach
from qsched.attach.convert import convert
from qsched.attach.find import ACTIVATIONS
from qsched.attach.hard import (
    HardConv1d,
    HardConv2d,
    HardConvTranspose1d,
    HardConvTranspose2d,
    HardLayer,
    HardLinear,
    HardStair,
)
from qsched.attach.precision import Precision
from qsched.attach.quantize import quantize
from qsched.attach.summary import Entry, Summary, summary
from qsched.attach.task import task

__all__ = [
    "ACTIVATIONS",
    "Controller",
    "Entry",
    "HardConv1d",
    "HardConv2d",
    "HardConvTranspose1d",
    "HardConvTranspose2d",
    "HardLayer",
    "HardLinear",
    "HardStair",
    "Precision",
    "Summary",
    "attach",
    "convert",
    "quantize",
    "summary",
    "task",
]


class _Package(ModuleType):
    """This package: its name is also that of the function that users call."""

    def __call__(self, *arguments: Any, **named: Any) -> Controller:
        return attach(*arguments, **named)


sys.modules[__name__].__class__ = _Package
