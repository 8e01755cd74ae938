"""What a study found, to look at: figures, one HTML file, the Optuna dashboard.

Everything is derived from storage; no torch is needed.
"""

from qsched.report.dashboard import save_to_dashboard
from qsched.report.figures import draw
from qsched.report.material import gather
from qsched.report.page import write

__all__ = ["draw", "gather", "save_to_dashboard", "write"]
