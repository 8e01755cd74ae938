"""Peer A as a row: a fresh search in a process of its own, every round."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.throughput.rows import Sample, Unavailable
from benchmarks.throughput.tasks import BenchTask

__all__ = ["ADVANTAGES", "RayTune", "sample_of"]

ROOT = Path(__file__).parents[2]
ADVANTAGES = (
    "reuse_actors=True; data, network and first calls before the first trial, for which workers "
    "wait for each other; fused Adam; one report a trial; hard network evaluated once, not every "
    "epoch; no checkpoints, no loggers, no dashboard, no driver output; results on a memory file "
    "system; rate from the intervals between trials of each worker, so that neither start-up nor "
    "idle tail counts"
)
QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
}


@dataclass
class RayTune:
    """A search by Ray Tune and OptunaSearch."""

    name: str
    workers: int
    note: str = ""
    ours: bool = False

    def evaluations(self, task: BenchTask) -> int:
        return 1

    def prepare(self, task: BenchTask) -> None:
        if task.trials == 0:
            raise Unavailable("whole trainings are too long here")
        if find_spec("ray") is None:
            raise Unavailable("Ray is not installed (pip install -c constraints.txt -e '.[ray]')")

    def sample(self, task: BenchTask) -> Sample:
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder, "result.json")
            arguments = (task.key, str(task.trials * self.workers), str(self.workers), str(result))
            began = time.time()
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.throughput.ray_search", *arguments],
                cwd=ROOT,
                env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=600,
            )
            if done.returncode:
                raise RuntimeError(done.stderr.strip().splitlines()[-1:] or "Ray Tune failed")
            return sample_of(json.loads(result.read_text()), began, self.workers)


def sample_of(trials: list[dict[str, Any]], began: float, workers: int) -> Sample:
    """Return the measurement that the trials of one search are.

    Args:
        trials: accuracy, ``began`` and ``ended`` (seconds since the epoch), process of each.
        began: when the search was started.
        workers: processes that were asked for.

    Raises:
        RuntimeError: the actors were not reused: more processes, or a process of one trial only.

    >>> trials = [
    ...     {"accuracy": 0.5, "began": 10.0 + i, "ended": 10.8 + i, "process": i % 2}
    ...     for i in range(6)
    ... ]
    >>> sample = sample_of(trials, began=4.0, workers=2)
    >>> sample.rate, sample.startup
    (3600.0, 6.0)
    """
    workers_trials = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: float(trial["began"])):
        workers_trials[trial["process"]].append(trial)
    counts = [len(each) for each in workers_trials.values()]
    if len(counts) != workers or min(counts) < 2:
        raise RuntimeError(f"actors were not reused: trials of each process are {counts}")
    intervals = [
        (each[-1]["began"] - each[0]["began"]) / (len(each) - 1)
        for each in workers_trials.values()
    ]
    # The last trial of a worker begins no interval.
    trainings = [t["ended"] - t["began"] for each in workers_trials.values() for t in each[:-1]]
    share = statistics.mean(trainings) / statistics.mean(intervals)
    return Sample(
        trainings=workers,
        seconds=statistics.harmonic_mean(intervals),
        accuracy=statistics.mean(trial["accuracy"] for trial in trials),
        startup=min(trial["began"] for trial in trials) - began,
        details={"training": share},
    )
