"""What quantizers are in numbers: stair functions, units of noise, counts of frozen weights.

Nothing here needs torch, so that processes that train native lanes need not import it.
"""

from qsched.levels.counts import frozen_count
from qsched.levels.stair import STAIRS, Stair, level_stair, stair
from qsched.levels.units import UNITS, Unit

__all__ = ["STAIRS", "UNITS", "Stair", "Unit", "frozen_count", "level_stair", "stair"]
