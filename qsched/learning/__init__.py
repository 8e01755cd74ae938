"""From many trained schedules to what can be said of schedules: data, surrogates, controllers."""

from qsched.learning.data import (
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
from qsched.learning.surrogate import SurrogateTask, quality

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
