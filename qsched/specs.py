"""The data that passes between the wings: tasks, runs and results, studies.

Models are frozen and closed; their canonical JSON has a SHA-256 that names them.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from qsched.schedules import Schedule
from qsched.schedules.base import Frozen

__all__ = [
    "Budget",
    "Confirmation",
    "CurvePoint",
    "DataSpec",
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

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Levels = Literal[
    "ternary", "binary", "2-bit", "4-bit", "power-of-two-3", "power-of-two-5", "float"
]


def digest(model: BaseModel) -> str:
    """Return the SHA-256 of a model's canonical JSON (sorted keys, no spaces), in hexadecimal."""
    text = json.dumps(model.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class DataSpec(Frozen):
    """Which data, and how it is split.

    Attributes:
        name: data set, a key of :data:`qsched.registry.DATASETS`.
        train: number of training examples; None is all that validation leaves.
        validation: number of validation examples, held out of the published training set.
        pool: side of the mean pooling applied to images once, on loading; 1 is none.
        augment: random crops (pad 4) and horizontal flips in training.
    """

    name: str
    train: Count | None = None
    validation: Count
    pool: Count = 1
    augment: bool = False


class NetworkSpec(Frozen):
    """Which network: a key of :data:`qsched.registry.NETWORKS` and its width.

    Attributes:
        name: the network.
        width: features or channels of a hidden layer; None is the network's own.
    """

    name: str
    width: Count | None = None


class Precision(Frozen):
    """Levels of the quantized weights and activations.

    Attributes:
        weights: levels of the weights.
        activations: levels of the activations.
        first: whether the first layer's weights are quantized.
        last: whether the last (classifier) layer's weights are quantized.
    """

    weights: Levels = "ternary"
    activations: Levels = "ternary"
    first: bool = True
    last: bool = False


class OptimizerSpec(Frozen):
    """The optimizer recipe of a task; the learning rate's course belongs to the schedule.

    Attributes:
        name: ``adam`` or ``sgd``.
        learning_rate: the center of learning-rate tuning.
        momentum: SGD's momentum.
        betas: Adam's decay rates.
        eps: Adam's epsilon: large enough that inputs that never vary do not amplify rounding.
        weight_decay: L2 penalty added to the gradient of the weights (not of biases and
            normalization).
        clip: largest gradient norm of a run; None is no clipping.
    """

    name: Literal["adam", "sgd"] = "adam"
    learning_rate: Positive = 0.01
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    betas: tuple[float, float] = (0.9, 0.999)
    eps: Positive = 1e-6
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip: Positive | None = None


class TaskSpec(Frozen):
    """What a schedule is scored on: data, network, precision, optimizer recipe."""

    data: DataSpec
    network: NetworkSpec
    precision: Precision = Precision()
    optimizer: OptimizerSpec = OptimizerSpec()
    epochs: Count
    batch_size: Count


class Run(Frozen):
    """One network to be trained once.

    Attributes:
        task: what it is trained on.
        schedule: how it hardens, and its learning rates.
        seed: names the initial weights, the order of batches and the noise.
        length: training length, as a share of the task's epochs.
        evaluate: the split on which its final accuracy is taken.
    """

    task: TaskSpec
    schedule: Schedule
    seed: Annotated[int, Field(ge=0)]
    length: Annotated[float, Field(gt=0, le=1)] = 1.0
    evaluate: Literal["validation", "test"] = "validation"

    @property
    def key(self) -> str:
        """The name of this run: equal runs have equal keys."""
        return digest(self)


class CurvePoint(Frozen):
    """One point of a learning curve: after ``step`` steps.

    ``loss`` is the mean training loss since the last point; ``accuracy`` that of the
    hard-quantized network on the validation set, in [0, 1].
    """

    step: int
    loss: float
    accuracy: float


class RunResult(Frozen):
    """What became of a run.

    Attributes:
        key: the run's key.
        status: ``finished`` or ``failed`` (it diverged).
        accuracy: of the hard-quantized network on the run's split at the end, in [0, 1]; None if
            it failed.
        loss: cross-entropy of the same network on the same split; None if it failed.
        curve: learning curve.
        steps: optimizer steps taken.
        seconds: its share of its cohort's wall time.
        reason: why it failed.
        versions: of what it was trained with.
    """

    key: str
    status: Literal["finished", "failed"]
    accuracy: float | None = None
    loss: float | None = None
    curve: tuple[CurvePoint, ...] = ()
    steps: int
    seconds: float
    reason: str | None = None
    versions: dict[str, str] = Field(default_factory=dict)


class Rung(Frozen):
    """One step of the ladder: training length and number of seeds in all up to this rung."""

    length: Annotated[float, Field(gt=0, le=1)] = 1.0
    seeds: Annotated[int, Field(ge=2)]


class SamplerSpec(Frozen):
    """Which of Optuna's samplers asks for candidates, and how many at a time."""

    name: Literal["tpe", "random", "qmc", "gp", "cmaes"] = "tpe"
    batch: Count = 16


class StaticArm(Frozen):
    """The tuned static arm: clipped STE whose backward width is tuned with its learning rate."""

    backward_std: tuple[Positive, ...] = (0.29, 0.41, 0.58, 0.82, 1.15)


class Budget(Frozen):
    """How many candidates are tried, and how each climbs the ladder.

    Attributes:
        trials: finished candidates, besides the baselines.
        rungs: the ladder, seeds increasing at one length; shorter lengths come first and serve
            only where the study measures a rank correlation >= ``rank_correlation`` on baselines.
        rank_correlation: what a shorter length must reach.
        learning_rates: multiples of the task's learning rate tried for every baseline.
    """

    trials: Count
    rungs: tuple[Rung, ...] = (Rung(seeds=2), Rung(seeds=4), Rung(seeds=8))
    rank_correlation: Annotated[float, Field(ge=-1, le=1)] = 0.7
    learning_rates: tuple[Positive, ...] = (0.3, 1.0, 3.0)

    @model_validator(mode="after")
    def _ladder(self) -> Self:
        lengths = [rung.length for rung in self.rungs]
        seeds = [rung.seeds for rung in self.rungs if rung.length == 1]
        if not self.rungs or lengths != sorted(lengths) or lengths[-1] != 1:
            raise ValueError(f"rungs must grow in length and end at 1, but got lengths {lengths}")
        if len(set(seeds)) != len(seeds) or seeds != sorted(seeds):
            raise ValueError(f"rungs of full length must grow in seeds, but got {seeds}")
        return self


class Confirmation(Frozen):
    """How the claim is chosen and then tested, on fresh seeds.

    Attributes:
        candidates: how many of the best candidates enter selection.
        baselines: how many of the best hand-coded schedules enter selection.
        selection_seeds: fresh seeds on which one of each is selected, by validation accuracy.
        report_seeds: fresh seeds on which the selected ones are compared, on the test set, once.
        level: confidence level of the intervals.
    """

    candidates: Count = 6
    baselines: Count = 4
    selection_seeds: Annotated[int, Field(ge=2)] = 12
    report_seeds: Annotated[int, Field(ge=3)] = 24
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class StudySpec(Frozen):
    """A study: a task, a search space, hand-coded baselines, a budget.

    Attributes:
        format: version of the file format.
        name: the study's name: lower-case letters, digits, hyphens.
        about: what it is for, in a line.
        task: what schedules are scored on.
        space: name of a search space, or path of its file.
        baselines: names of hand-coded schedules, or paths of their files.
        static: the tuned static arm.
        budget: trials and rungs.
        sampler: who asks.
        lanes: how many runs of a cohort are trained together at the most.
        confirmation: how the claim is tested.
        seed: of everything random in the study; its pools of training seeds follow from it.
    """

    format: Literal["qsched/study/1"] = "qsched/study/1"
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    about: str = ""
    task: TaskSpec
    space: str
    baselines: Annotated[tuple[str, ...], Field(min_length=1)]
    static: StaticArm = StaticArm()
    budget: Budget
    sampler: SamplerSpec = SamplerSpec()
    confirmation: Confirmation = Confirmation()
    lanes: Count = 64
    seed: Annotated[int, Field(ge=0)] = 0
