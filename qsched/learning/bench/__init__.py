"""SchedBench: what is trained to learn from, its files, and stand-ins for training."""

from qsched.learning.bench.data import (
    Arms,
    Bench,
    Runs,
    Tasks,
    Tests,
    load_bench,
    load_tests,
    save_bench,
    save_tests,
)
from qsched.learning.bench.surrogate import SurrogateTask, quality

__all__ = [
    "Arms",
    "Bench",
    "Runs",
    "SurrogateTask",
    "Tasks",
    "Tests",
    "load_bench",
    "load_tests",
    "quality",
    "save_bench",
    "save_tests",
]
