"""The stair functions that tests of ANA go through: named ones and an uneven one."""

from __future__ import annotations

from qsched.quantizers import Stair, stair

STAIRS = {
    "ternary": stair("ternary"),
    "binary": stair("binary"),
    "2-bit": stair("2-bit"),
    "4-bit": stair("4-bit"),
    "power-of-two-3": stair("power-of-two-3"),
    "uneven": Stair((-1.5, -0.25, 0.5, 2.0), (-0.75, 0.125, 1.0), quantum=0.5),
}
