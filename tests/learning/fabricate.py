"""A small made-up SchedBench: accuracies follow a known rule, with known noise."""

from __future__ import annotations

import numpy as np

from qsched.learning import Arms, Bench, Runs, Tasks, Tests
from qsched.learning.bench.data import columns
from qsched.learning.bench.plans import BenchArm, arms_table
from qsched.schedules import Ana, LearningRate, Schedule, Window
from qsched.specs import DataSpec, NetworkSpec, TaskSpec, digest

NOISE = 0.01
"""Standard deviation between seeds."""

BEST = 0.8
"""The backward standard deviation that is best on every task."""

GAIN = 0.2
"""What the best loses for a backward standard deviation that is off by a factor of e."""


def make_bench(design: int = 16, seeds: int = 3, seed: int = 0) -> tuple[Bench, Tests]:
    """Make four tasks on two data sets, a design and two more arms, and the test results."""
    random = np.random.default_rng(seed)
    tasks, arms = _tasks(), _arms(design, random)
    runs, tests = _runs(tasks, arms, seeds, random)
    return Bench(tasks, arms, runs, {"command": "made up"}), tests


def expected(task: str, backward_std: float) -> float:
    """Return the mean accuracy on a task."""
    base = 0.9 if "mlp3" in task else 0.8
    return base - GAIN * abs(np.log(backward_std / BEST)) * (0.1 if "mlp3" in task else 1.0)


def _tasks() -> Tasks:
    rows = []
    for dataset in ("digits", "synthetic"):
        for depth in (3, 9):
            spec = TaskSpec(
                data=DataSpec(name=dataset, train=960, validation=400),
                network=NetworkSpec(name=f"mlp{depth}", width=16),
                epochs=10,
                batch_size=32,
            )
            name = f"{dataset}-mlp{depth}-ternary-short"
            rows.append(
                (name, dataset, f"mlp{depth}", "short", depth == 3, "ternary", "ternary", 3)
                + (depth, 16, 16, 64, 10, 960, 400, 32, 10, 300, 0.01)
                + (spec.model_dump_json(), digest(spec))
            )
    return Tasks(*columns(rows))


def _arms(design: int, random: np.random.Generator) -> Arms:
    stds = np.exp(random.uniform(np.log(0.1), np.log(3.0), design))
    rows = [
        _arm(f"ana-sobol-{i:03d}", "ana", "design", i, std, {"backward_std": std})
        for i, std in enumerate(map(float, stds))
    ]
    rows.append(_arm("hand-coded", "ana", "hand-coded", -1, 0.3, {}))
    rows.append(_arm("static-0.58", "none", "static", -1, 0.58, {}))
    return arms_table(rows)


def _arm(
    name: str, algorithm: str, kind: str, index: int, std: float, point: dict[str, float]
) -> BenchArm:
    noise = Ana(forward_std=0.0, backward_std=std, backward_floor=1.0)
    schedule = Schedule(
        window=Window(end=0.7),
        weights=noise,
        activations=noise,
        learning_rate=LearningRate(initial=0.01),
    )
    return BenchArm(name, algorithm, kind, schedule, index, dict(point))


def _runs(tasks: Tasks, arms: Arms, seeds: int, random: np.random.Generator) -> tuple[Runs, Tests]:
    rows, tests = [], []
    for task in tasks.name:
        for arm in arms.name:
            noise = arms.arm(arm).weights
            assert isinstance(noise, Ana)
            mean = expected(task, noise.backward_std)
            for phase, first in (("search", 0), ("report", 200_000)):
                for seed in range(first, first + seeds):
                    score, test = np.clip(mean + NOISE * random.standard_normal(2), 0, 1)
                    key = f"{len(rows):016x}"
                    curve = [score * k / 5 for k in range(1, 6)]
                    loss = np.nan if phase == "report" else 1 - score
                    rows.append(
                        (key, task, arm, phase, seed, 0.01, 1.0, score, loss)
                        + (False, 300, 0.01, curve, curve)
                    )
                    if phase == "report":
                        tests.append((key, test, 1 - test))
    return Runs(*columns(rows)), Tests(*columns(tests))
