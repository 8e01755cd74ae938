"""A schedule inside a user's own model and training loop."""

from qsched.attach.hard import (
    HardConv1d,
    HardConv2d,
    HardConvTranspose1d,
    HardConvTranspose2d,
    HardLayer,
    HardLinear,
    HardStair,
)

__all__ = [
    "HardConv1d",
    "HardConv2d",
    "HardConvTranspose1d",
    "HardConvTranspose2d",
    "HardLayer",
    "HardLinear",
    "HardStair",
]
