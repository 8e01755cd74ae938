"""The data that passes between the wings: tasks, runs and results, studies.

Models are frozen and closed; their canonical JSON has a SHA-256 that names them.
"""

from qsched.specs.digest import digest
from qsched.specs.run import CurvePoint, Run, RunResult
from qsched.specs.study import (
    MOST_SEEDS,
    SEED_LIMIT,
    Budget,
    Confirmation,
    Rung,
    SamplerSpec,
    StaticArm,
    StudySpec,
    arm_name,
)
from qsched.specs.task import (
    DataSpec,
    Levels,
    NetworkSpec,
    OptimizerSpec,
    Precision,
    TaskSpec,
)

__all__ = [
    "MOST_SEEDS",
    "SEED_LIMIT",
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
    "arm_name",
    "digest",
]
