"""Peer A itself: Ray Tune with OptunaSearch around the plain loop. Writes what it saw as JSON.

python -m benchmarks.throughput.ray_search TASK TRIALS WORKERS RESULT
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from benchmarks.throughput.peer import peer
from benchmarks.throughput.tasks import SPACE, make_run, task

__all__ = ["meet", "search"]


class PlainTraining(tune.Trainable):
    """One trial: one training of the plain loop. Data and network stay from trial to trial."""

    def setup(self, config: dict[str, Any]) -> None:
        torch.set_num_threads(1)
        self.spec = task(config["task"]).spec
        peer(self.spec)
        self.reset_config(config)
        meet(Path(config["meeting"]), config["workers"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.parameters = new_config
        return True

    def step(self) -> dict[str, Any]:
        began = time.time()
        seed = int(1e9 * self.parameters["learning_rate"])
        result = peer(self.spec).train(make_run(self.spec, self.parameters, seed))
        return {
            "accuracy": result.accuracy,
            "began": began,
            "ended": time.time(),
            "process": os.getpid(),
            "done": True,
        }

    # Without these, ending a trial is an error and no actor is reused.
    def save_checkpoint(self, checkpoint_dir: str) -> None:
        pass

    def load_checkpoint(self, checkpoint: Any) -> None:
        pass


def meet(folder: Path, workers: int, seconds: float = 120.0) -> None:
    """Wait until so many processes have come here.

    Else, where trials are short, the first worker is done with all of them before the next is up.

    Args:
        folder: where each leaves a file.
        workers: processes.
        seconds: how long to wait for them.

    Raises:
        TimeoutError: the others did not come.
    """
    (folder / str(os.getpid())).touch()
    latest = time.monotonic() + seconds
    while (come := len(os.listdir(folder))) < workers:
        if time.monotonic() > latest:
            raise TimeoutError(f"{come} of {workers} workers after {seconds} s")
        time.sleep(0.01)


def search(key: str, trials: int, workers: int, folder: str) -> list[dict[str, Any]]:
    """Run the search; return accuracy, begin, end and process of every trial."""
    spaces = {name: tune.uniform(low, high) for name, (low, high) in SPACE.items()}
    meeting = Path(folder, "meeting")
    meeting.mkdir()
    tuner = tune.Tuner(
        PlainTraining,
        param_space={**spaces, "task": key, "meeting": str(meeting), "workers": workers},
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            search_alg=OptunaSearch(seed=0),
            num_samples=trials,
            max_concurrent_trials=workers,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    )
    found = tuner.fit()
    if found.errors:
        raise RuntimeError(str(found.errors[0]))
    kept = ("accuracy", "began", "ended", "process")
    results = [found[i].metrics or {} for i in range(len(found))]
    return [{name: metrics[name] for name in kept} for metrics in results]


def main() -> None:
    key, trials, workers, target = sys.argv[1:]
    ray.init(
        num_cpus=int(workers),
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100 << 20,
    )
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        seen = search(key, int(trials), int(workers), folder)
    ray.shutdown()
    Path(target).write_text(json.dumps(seen))


if __name__ == "__main__":
    main()
