"""The data that passes between the wings: tasks, runs and results, studies.

Models are frozen and closed; their canonical JSON has a SHA-256 that names them.
"""

from qsched.specs.digest import digest
from qsched.specs.run import CurvePoint, Run, RunResult
from qsched.specs.study import Budget, Confirmation, Rung, SamplerSpec, StaticArm, StudySpec
from qsched.specs.task import (
    DataSpec,
    Levels,
    NetworkSpec,
    OptimizerSpec,
    Precision,
    TaskSpec,
)

__all__ = [
    "Budget",
    "Confirmation",
    "CurvePoint",
    "DataSpec",
    "Levels",
    "NetworkSpec",
    "OptimizerSpec",
    "Precision",
    "Run",
    "RunResult",
    "Rung",
    "SamplerSpec",
    "StaticArm",
    "StudySpec",
    "TaskSpec",
    "digest",
]
