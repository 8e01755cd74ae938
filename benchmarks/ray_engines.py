"""Ray Tune against plain actors as the engine of cohorts: time a cohort of a trivial objective.

    python benchmarks/ray_engines.py --cohorts 40

Both train the same cohorts (which return at once) on two slots of one local Ray instance. Tune
gets an own searcher that hands cohorts out, and reuses its actors; the other side is the executor
``qsched.execution.ray.Ray``. The first cohorts, which wait for actors to start, are timed apart.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import ray
from ray import tune
from ray.tune.search import ConcurrencyLimiter, Searcher

from qsched.execution import Cohort, one_by_one, split
from qsched.execution.ray import Ray
from qsched.schedules import Ana, LearningRate, Schedule
from qsched.specs import DataSpec, NetworkSpec, Run, RunResult, TaskSpec

SLOTS = 2


def echo(runs: Sequence[Run]) -> list[RunResult]:
    """Return results at once."""
    return [RunResult(key=run.key, status="finished", steps=0, seconds=0.0) for run in runs]


def cohorts(count: int) -> list[Cohort]:
    """Return cohorts of four runs each."""
    task = TaskSpec(
        data=DataSpec(name="digits", validation=400),
        network=NetworkSpec(name="mlp9", width=16),
        epochs=10,
        batch_size=32,
    )
    schedule = Schedule(
        weights=Ana(forward_std=0.3, backward_std=0.6), learning_rate=LearningRate(initial=0.01)
    )
    runs = [Run(task=task, schedule=schedule, seed=seed) for seed in range(4 * count)]
    return split(runs, 4)[:count]


class Hand(Searcher):
    """Hands cohorts to Tune in their order, and takes their results."""

    def __init__(self, waiting: Sequence[Cohort]) -> None:
        super().__init__(metric="count", mode="max")
        self.waiting, self.times = list(waiting), []

    def suggest(self, trial_id: str) -> Any:
        if not self.waiting:
            return Searcher.FINISHED
        return {"cohort": [run.model_dump_json() for run in self.waiting.pop()]}

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        self.times.append(time.perf_counter())


class Trainer(tune.Trainable):
    """Trains one cohort a trial; its actor serves many trials."""

    def setup(self, config: Any) -> None:
        self.runs = [Run.model_validate_json(text) for text in config["cohort"]]

    def step(self) -> Any:
        results = echo(self.runs)
        return {"count": len(results), "results": results, "done": True}

    # Without these, ending a trial is an error and no actor is reused.
    def save_checkpoint(self, checkpoint_dir: str) -> None:
        pass

    def load_checkpoint(self, checkpoint: Any) -> None:
        pass

    def reset_config(self, new_config: Any) -> bool:
        self.setup(new_config)
        return True


def with_tune(waiting: Sequence[Cohort]) -> list[float]:
    """Return when each cohort was done, from the start on."""
    hand = Hand(waiting)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_resources(Trainer, {"CPU": 1}),
            tune_config=tune.TuneConfig(
                search_alg=ConcurrencyLimiter(hand, SLOTS),
                num_samples=len(waiting),
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
    return [moment - began for moment in hand.times]


def with_actors(waiting: Sequence[Cohort]) -> list[float]:
    """Return when each cohort was done, from the start on."""
    began, times = time.perf_counter(), []
    with Ray(echo, SLOTS) as executor:
        for _ in one_by_one(executor.run(waiting)):
            times.append(time.perf_counter() - began)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=40)
    count = parser.parse_args().cohorts
    ray.init(num_cpus=2 * SLOTS, include_dashboard=False, log_to_driver=False)
    print(f"{count} cohorts on {SLOTS} slots; load average {os.getloadavg()[0]:.1f}")
    for name, measure in (("plain actors", with_actors), ("Ray Tune", with_tune)):
        times = measure(cohorts(count))
        each = (times[-1] - times[SLOTS - 1]) / (len(times) - SLOTS)
        print(f"{name}: first {times[0]:.2f} s, then {1000 * each:.1f} ms a cohort")
    ray.shutdown()


if __name__ == "__main__":
    main()
