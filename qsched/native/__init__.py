"""Native lanes: a whole training of one lane in compiled code, for the layers most networks use.

Numba is optional: importing this package needs neither it nor PyTorch.
"""

from qsched.native.coverage import covers

__all__ = ["covers"]
