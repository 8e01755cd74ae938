"""Studies: from a study file to a verdict."""

from qsched.study.export import export
from qsched.study.loop import run_study
from qsched.study.progress import Observe, Progress
from qsched.study.verdict import ArmSummary, Comparison, Verdict

__all__ = ["ArmSummary", "Comparison", "Observe", "Progress", "Verdict", "export", "run_study"]
