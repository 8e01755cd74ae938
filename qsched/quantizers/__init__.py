"""Stair functions, noise, and the two algorithms that reach a stair function: ANA and INQ."""

from qsched.levels import STAIRS, Stair, stair
from qsched.quantizers.ana import ana
from qsched.quantizers.incremental import Frozen, grow, harden, hold
from qsched.quantizers.inq import CODEBOOKS, Codebook, codebook
from qsched.quantizers.kernels import Forward, ana_backward, ana_forward, hard
from qsched.quantizers.noise import FAMILIES, Family, noise_family
from qsched.quantizers.partition import freeze
from qsched.quantizers.plans import Plan, backward_plan, forward_plan

__all__ = [
    "CODEBOOKS",
    "FAMILIES",
    "STAIRS",
    "Codebook",
    "Family",
    "Forward",
    "Frozen",
    "Plan",
    "Stair",
    "ana",
    "ana_backward",
    "ana_forward",
    "backward_plan",
    "codebook",
    "forward_plan",
    "freeze",
    "grow",
    "hard",
    "harden",
    "hold",
    "noise_family",
    "stair",
]
