"""Native lanes: a whole training of one lane in compiled code, for the layers most networks use.

Numba is optional: importing this package does not need it.
"""

from qsched.native.coverage import covers
from qsched.native.names import FORWARDS, METHODS, NOISE

__all__ = ["FORWARDS", "METHODS", "NOISE", "covers"]
