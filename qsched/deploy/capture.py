"""From a run to its hard network: trained once more, with its parameters kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from qsched import __version__
from qsched.attachment.task import ModelNetwork
from qsched.deploy.evaluate import accuracy
from qsched.deploy.execute import BATCH
from qsched.deploy.inputs import INPUT_BITS, input_of
from qsched.deploy.records import (
    AvgPool,
    Conv,
    Flatten,
    Floats,
    HardNetwork,
    Layer,
    Linear,
    MaxPool,
    Metadata,
    Norm,
    Stair,
)
from qsched.deploy.reference import KEPT, Trained, has_float_head, module_logits, reference
from qsched.deploy.trace import trace
from qsched.deploy.weights import fixed_point, integer_levels, scales
from qsched.errors import InputError, TrainingError
from qsched.lanes import layers as described
from qsched.lanes.batch_norm import EPS
from qsched.lanes.modes import FLOAT, lane_modes
from qsched.lanes.plan import Block, Node, Plan
from qsched.quantizers import stair
from qsched.schedules import Schedule
from qsched.specs import Precision, Run, RunResult, TaskSpec
from qsched.specs.digest import digest
from qsched.tasks import load_data, own_network, task_plan
from qsched.training import Parameters, train_one
from qsched.training.cohort import Cohort
from qsched.training.data import spread

__all__ = ["check", "hard_network", "train_network"]


def train_network(
    run: Run, schedule: str, *, input_bits: int = INPUT_BITS, engine: str | None = None
) -> HardNetwork:
    """Train one network and return what is deployed of it.

    Inputs are rounded to integers and a classifier in full precision to 16 bits. Three accuracies
    on the test split are in the metadata: as trained, of the same network with inputs rounded, and
    in integers. The logits of the second are kept, to compare with.

    A PyTorch model of one's own (see :func:`qsched.task`) is converted and traced.

    Args:
        run: what is trained; its accuracy is taken on the test split.
        schedule: name of its schedule.
        input_bits: 2 to 16; more bits lose less, at more cost in the first layer.
        engine: as of :func:`qsched.training.train`.

    Raises:
        InputError: the task is not fully quantized, or the network is not a chain.
        TrainingError: the run diverged.
    """
    check(run.task, run.schedule)
    run = replace_split(run)
    own = _own(run.task)
    if own is None:
        result, parameters = train_one(run, engine=engine)
        _require_trained(run, result)
        network = hard_network(run.task, parameters, input_bits)
        trained = Trained(partial(_lane_logits, run, parameters), _float_head(run.task))
    else:
        result, model = own.train_hard(run)
        _require_trained(run, result)
        assert model is not None
        network = trace(model, load_data(run.task.data).train.x, input_bits=input_bits)
        trained = Trained(partial(module_logits, model), has_float_head(model))
    test = load_data(run.task.data).test
    kept = reference(network, trained, test.x)
    metadata = Metadata(
        version=__version__,
        task=run.task.model_dump(mode="json"),
        schedule=schedule,
        schedule_sha256=digest(run.schedule),
        seed=run.seed,
        trained_accuracy=result.accuracy,
        rounded_accuracy=float((kept.logits.argmax(1) == test.y).mean()),
        accuracy=accuracy(network, test.x, test.y),
    )
    return replace(network, metadata=metadata, reference=kept)


def _require_trained(run: Run, result: RunResult) -> None:
    if result.accuracy is None:
        raise TrainingError(
            f"a network is saved only if it trained, but the run of seed {run.seed} did not: "
            f"{result.reason}; choose another schedule or a lower learning rate"
        )


def _own(task: TaskSpec) -> ModelNetwork | None:
    """Return the network of a task if it is a PyTorch model without a lane version."""
    found = own_network(task)
    return found if isinstance(found, ModelNetwork) else None


def _lane_logits(run: Run, parameters: Parameters, x: np.ndarray) -> Floats:
    """Return the logits of a trained lane, [N, classes], as training evaluates it, in float64."""
    with torch.inference_mode():
        cohort = Cohort([run], 1, torch.float64, torch.device("cpu"))
        buffers = cohort.buffers
        rows = buffers.values, buffers.effective, buffers.mean, buffers.variance
        trained = parameters.values, parameters.weights, parameters.mean, parameters.variance
        for row, values in zip(rows, trained, strict=True):
            row[0].copy_(torch.from_numpy(values))
        wide = torch.from_numpy(np.ascontiguousarray(x, np.float64))
        wide = wide.flatten(1) if cohort.flat else wide
        parts = [cohort.infer(spread(part, 1))[0].T for part in torch.split(wide, BATCH)]
        found: Floats = torch.cat(parts).numpy()
    return found


def _float_head(task: TaskSpec) -> bool:
    return not task.precision.last or task.precision.weights == "float"


def replace_split(run: Run) -> Run:
    """Return the run with its accuracy taken on the test split."""
    return run.model_copy(update={"evaluate": "test"})


def hard_network(
    task: TaskSpec, parameters: Parameters, input_bits: int = INPUT_BITS
) -> HardNetwork:
    """Return the hard network of trained parameters, without metadata.

    Args:
        task: what they were trained on.
        parameters: of :func:`qsched.training.train_one`.
        input_bits: 2 to 16.

    Raises:
        InputError: the network is not a chain, or weights have no common unit.
    """
    plan, _ = task_plan(task)
    data = load_data(task.data)
    spec = input_of(data.train.x, input_bits)
    largest = max(-spec.low, spec.high)
    layers = tuple(_Capture(plan, parameters, task.precision, largest).layers())
    return HardNetwork(spec, layers)


def check(task: TaskSpec, schedule: Schedule) -> None:
    """Refuse what does not become integers, naming every layer.

    A model of one's own is converted and traced with its first values.

    Args:
        task: what is to be trained.
        schedule: how.

    Raises:
        InputError: a hidden layer or an activation stays in full precision, or there are skips.
    """
    own = _own(task)
    if own is not None:
        first = own.untrained_hard(Run(task=task, schedule=schedule, seed=0))
        trace(first, load_data(task.data).train.x[:KEPT])
        return
    plan, _ = task_plan(task)
    modes = zip(plan.places, lane_modes(schedule, plan, task.precision), strict=True)
    hard = {(place.role, place.name) for place, mode in modes if mode != FLOAT}
    names = [_name(node.blocks["weight"]) for node in plan.nodes if "weight" in node.blocks]
    faults = [
        f"`{name}` has {role} in full precision; set task.precision, and a schedule for {role}"
        for name in names[:-1]
        for role, key in (("weights", name), ("activations", f"{name}.activation"))
        if (role, key) not in hard
    ]
    if any(isinstance(node.layer, described.Residual) for node in plan.nodes):
        faults = ["it has residual blocks, and only chains are deployed; use vgg8, cnn9 or tnn96"]
    if faults:
        raise InputError("\n".join(f"a network not fully quantized: {fault}" for fault in faults))


class _Capture:
    """Turns the nodes of a plan into layers of a hard network."""

    def __init__(
        self, plan: Plan, parameters: Parameters, precision: Precision, largest: int
    ) -> None:
        self.plan, self.parameters, self.precision = plan, parameters, precision
        self.owner, self.pools, self.largest = "input", 0, largest

    def layers(self) -> Iterator[Layer]:
        for node in self.plan.nodes:
            yield self.layer(node)
            if isinstance(node.layer, described.GlobalAveragePool):
                yield Flatten(f"pool{self.pools}.flatten")

    def layer(self, node: Node) -> Layer:
        layer = node.layer
        match layer:
            case described.Linear() | described.Conv():
                return self.weighted(node, layer)
            case described.BatchNorm():
                return self.norm(node)
            case described.Activation():
                return self.stair()
            case described.MaxPool():
                size = (layer.size, layer.size)
                return MaxPool(self.pool(), size, size)
            case described.GlobalAveragePool():
                size = (node.inputs[1], node.inputs[2])
                self.largest *= size[0] * size[1]
                return AvgPool(self.pool(), size, size)
            case described.Flatten():
                return Flatten(f"{self.owner}.flatten")
            case described.Residual():
                raise InputError(
                    "a residual block cannot be deployed; use a network without skips"
                )

    def weighted(self, node: Node, layer: described.Linear | described.Conv) -> Linear | Conv:
        block = node.blocks["weight"]
        self.owner = _name(block)
        if block.quantized and self.precision.weights != "float":
            weights = self.parameters.weights[block.columns].reshape(block.shape)
            levels, scale = integer_levels(weights, self.owner)
        else:
            weights = self.values(block)
            levels, scale = fixed_point(weights, self.largest)
        bias = self.values(node.blocks["bias"]) if "bias" in node.blocks else None
        common = (self.owner, levels, scales(scale, len(levels)), bias)
        if isinstance(layer, described.Linear):
            return Linear(*common)
        return Conv(*common, (layer.stride,) * 2, (layer.padding,) * 2)

    def norm(self, node: Node) -> Norm:
        columns = slice(node.statistics, node.statistics + node.inputs[0])
        return Norm(
            f"{self.owner}.norm",
            self.parameters.mean[columns],
            self.parameters.variance[columns],
            self.values(node.blocks["scale"]),
            self.values(node.blocks["shift"]),
            EPS,
        )

    def stair(self) -> Stair:
        found = stair(self.precision.activations)
        levels, unit = integer_levels(np.array(found.levels), self.owner)
        self.largest = int(np.abs(levels).max())
        return Stair(
            f"{self.owner}.activation", np.array(found.edges), levels, unit * found.quantum
        )

    def pool(self) -> str:
        self.pools += 1
        return f"pool{self.pools}"

    def values(self, block: Block) -> np.ndarray:
        return self.parameters.values[block.columns].reshape(block.shape)


def _name(block: Block) -> str:
    return block.name.removesuffix(".weight")
