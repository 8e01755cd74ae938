"""The CUTIE accelerator: its limits, its memory layout, a bit-true model of it."""

from qsched.deploy.cutie.files import read, write
from qsched.deploy.cutie.machine import Cutie
from qsched.deploy.cutie.plan import HardwareLayer, HardwarePlan, make_plan

__all__ = ["Cutie", "HardwareLayer", "HardwarePlan", "make_plan", "read", "write"]
