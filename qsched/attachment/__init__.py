"""A schedule inside a user's own model and training loop.

``import qsched`` offers what a loop needs of it; what only some need is here, and in
:mod:`qsched.attachment.lightning` and :mod:`qsched.attachment.huggingface`.
"""

from qsched.attachment.controller import Controller, attach
from qsched.attachment.convert import convert
from qsched.attachment.find import ACTIVATIONS
from qsched.attachment.hard import (
    HardConv1d,
    HardConv2d,
    HardConvTranspose1d,
    HardConvTranspose2d,
    HardLayer,
    HardLinear,
    HardStair,
)
from qsched.attachment.precision import Precision
from qsched.attachment.quantize import quantize
from qsched.attachment.summary import Entry, Summary, summary
from qsched.attachment.task import task

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
