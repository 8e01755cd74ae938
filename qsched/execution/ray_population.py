"""A population on Ray Tune: its population based training, with decisions that follow a seed."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining

from qsched.errors import TrainingError
from qsched.execution.drive import RETRIES
from qsched.execution.executor import Train, train_checked
from qsched.execution.population import Evolved, Lineage, Population, Tell
from qsched.execution.variables import variables
from qsched.execution.worker import Failed, loaded
from qsched.plugins import Plugin

__all__ = ["evolve"]

_QUANTILE = 0.25
_FILE = "lineage.json"
_SETTINGS = {
    # Ctrl-C ends the study at once; Tune would first end the experiment in good order.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    # Results go to the study's database, and nowhere else.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}


def evolve(
    train: Train,
    plugins: Sequence[Plugin],
    environment: Mapping[str, str],
    population: Population,
    resources: Mapping[str, float],
    tell: Tell,
) -> Evolved:
    """Train a population on the cluster to which this process is connected.

    Its members train on one node, where their lineages lie in a temporary folder.

    Args:
        train: the training function.
        plugins: loaded first.
        environment: variables to set where a member's machine has none.
        population: the population.
        resources: what each member needs.
        tell: is told how far it is.

    Raises:
        TrainingError: a member could not be trained, or the deadline has passed.
    """
    member = tune.with_parameters(
        _Member, train=train, plugins=plugins, environment=environment, population=population
    )
    trainable = tune.with_resources(member, {**resources, **_home(resources)})
    heard = _Heard(population, tell)
    with variables(_SETTINGS), tempfile.TemporaryDirectory(prefix="qsched-pbt-") as folder:
        results = _tuner(trainable, population, heard, folder).fit()
    if heard.error is not None:
        raise heard.error
    return Evolved(_lineages(results, population), heard.trainings, heard.seconds)


def _tuner(trainable: Any, population: Population, heard: _Heard, folder: str) -> tune.Tuner:
    """Return Tune's experiment with a population, whose files lie in ``folder``."""
    return tune.Tuner(
        trainable,
        param_space={
            "origin": tune.grid_search(list(range(len(population.members)))),
            "rise": tune.sample_from(partial(_first, population, "rise")),
            "rate": tune.sample_from(partial(_first, population, "rate")),
        },
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            scheduler=_Seeded(population, heard),
            reuse_actors=True,
            time_budget_s=population.deadline,
        ),
        run_config=tune.RunConfig(
            storage_path=folder,
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1),
            stop=heard,
        ),
    )


def _first(population: Population, name: str, spec: Any) -> float:
    """Return with which rise or rate a member begins."""
    value: float = getattr(population.members[spec["origin"]], name)
    return value


def _lineages(results: Any, population: Population) -> tuple[Lineage, ...]:
    for error in results.errors:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise TrainingError(
            f"a member of a population failed {RETRIES + 1} times: {lines[-1][:300]}"
        )
    lineages = [Lineage.model_validate_json(each.metrics["lineage"]) for each in results]
    if any(len(lineage.rates) < population.segments for lineage in lineages):
        raise TrainingError(
            f"a population must be trained within {population.deadline:.0f} s, but was not; look "
            "at its workers, then run the same command again"
        )
    return tuple(lineages)


class _Heard(tune.Stopper):
    """Counts the trainings, and tells of them; ends all when that, or a member, fails."""

    def __init__(self, population: Population, tell: Tell) -> None:
        self._tell, self._count = tell, len(population.members)
        self._segments = population.segments
        self.trainings, self.seconds = 0, 0.0
        self.error: Exception | None = None
        self.failed = False

    def __getstate__(self) -> dict[str, Any]:
        """Leave out whom it tells: Tune writes its settings down, but nobody reads them."""
        return {**self.__dict__, "_tell": None, "error": None}

    def hear(self, result: Mapping[str, Any]) -> None:
        """Take the result of one training."""
        self.trainings += 1
        self.seconds += result["seconds"]
        done = result["training_iteration"]
        try:
            self._tell(f"population of {self._count}, segment {done} of {self._segments}")
        except Exception as error:
            self.error = error

    def __call__(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self.failed or self.error is not None


class _Seeded(PopulationBasedTraining):
    """Every segment has random numbers of its own; so no decision depends on when results come."""

    def __init__(self, population: Population, heard: _Heard) -> None:
        mutations: dict[str, Any] = {"rise": tune.uniform(*population.rises)}
        if population.rates[0] < population.rates[1]:
            mutations["rate"] = tune.loguniform(*population.rates)
        super().__init__(
            time_attr="training_iteration",
            perturbation_interval=1,
            hyperparam_mutations=mutations,
            quantile_fraction=_QUANTILE,
            synch=True,
            log_config=False,
        )
        self._population_stream, self._heard = population.stream, heard

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        self._heard.hear(result)
        # The last result of a segment decides for all members, which are in order of accuracy.
        with _stream(*self._population_stream, result["training_iteration"]):
            decision: str = super().on_trial_result(tune_controller, trial, result)
        return decision

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        self._heard.hear(result)
        super().on_trial_complete(tune_controller, trial, result)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        # The others would wait for it at the end of the segment.
        self._heard.failed |= not trial.should_recover()
        super().on_trial_error(tune_controller, trial)


class _Member(tune.Trainable):
    """A member in an actor. Its state is its lineage."""

    def setup(self, config: dict[str, Any], **given: Any) -> None:
        """Begin with what all members need: the arguments of :func:`evolve`."""
        for name, value in given["environment"].items():
            os.environ.setdefault(name, value)
        outcome = loaded(given["plugins"])
        if isinstance(outcome, Failed):
            raise outcome.error
        self._train: Train = given["train"]
        self._population: Population = given["population"]
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin anew as another member, or with other rises and rates."""
        self.config = new_config
        self._lineage = Lineage(base=self._population.members[new_config["origin"]].base)
        return True

    def step(self) -> dict[str, Any]:
        """Train one more segment."""
        population = self._population
        lineage = self._lineage.grown(self.config["rise"], self.config["rate"])
        run = population.run(lineage)
        [result] = train_checked(self._train, (run,))
        accuracy = population.accuracy(lineage, result)
        self._lineage = lineage.model_copy(update={"accuracy": accuracy})
        return {
            "accuracy": accuracy,
            "seconds": result.seconds,
            "lineage": self._lineage.model_dump_json(),
            "done": len(lineage.rates) == population.segments,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the lineage."""
        (Path(checkpoint_dir) / _FILE).write_text(self._lineage.model_dump_json())

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from the lineage in a folder, perhaps another member's."""
        text = (Path(checkpoint) / _FILE).read_text()
        self._lineage = Lineage.model_validate_json(text)


def _home(resources: Mapping[str, float]) -> dict[str, float]:
    """Return a resource that only one node has: this one, or else the largest."""
    here = ray.get_runtime_context().get_node_id()
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    fitting = [
        node
        for node in nodes
        if node["Alive"] and all(node["Resources"].get(k, 0) >= v for k, v in resources.items())
    ]
    if not fitting:
        raise TrainingError(f"no node has what a member of a population needs: {dict(resources)}")
    best = max(fitting, key=lambda node: (node["NodeID"] == here, node["Resources"]["CPU"]))
    return {f"node:{best['NodeManagerAddress']}": 0.001}


@contextmanager
def _stream(*words: int) -> Iterator[None]:
    """Let global random numbers, of Python and NumPy, follow from some numbers."""
    before = random.getstate(), np.random.get_state()
    seed = np.random.SeedSequence(words).generate_state(2)
    random.seed(int(seed[0]))
    np.random.seed(seed[1])
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
