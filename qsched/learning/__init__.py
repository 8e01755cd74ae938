"""From many trained schedules to what can be said of schedules: data, surrogates, controllers."""

from qsched.learning.bench import (
    Arms,
    Bench,
    Runs,
    SurrogateTask,
    Tasks,
    Tests,
    load_bench,
    load_tests,
    quality,
    save_bench,
    save_tests,
)

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
