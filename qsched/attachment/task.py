"""A user's own model as a task: ``qsched.task``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, Literal

import torch
from torch import nn

from qsched.attachment.cohort import ModelCohort, hardened
from qsched.attachment.controller import quantizers_of
from qsched.attachment.describe import describe
from qsched.attachment.find import ACTIVATIONS
from qsched.attachment.quantize import quantize
from qsched.attachment.quantizer import STE, Quantizer
from qsched.errors import InputError
from qsched.lanes.layers import Layer
from qsched.registry import DATASETS, NETWORKS
from qsched.schedules import LearningRate, Schedule
from qsched.specs import Precision, Run, RunResult, TaskSpec
from qsched.tasks import Dataset, OwnNetwork, load_data, step_counts
from qsched.training.loop import Loop
from qsched.training.record import Record

__all__ = ["ModelNetwork", "task"]

TOGETHER = 16
"""How many lanes of a model are computed at once at the most."""

ModelFunction = Callable[[int | None, int], nn.Module]


def task(
    name: str,
    model_fn: ModelFunction,
    data_fn: Callable[..., Dataset] | None = None,
    *,
    exclude: Sequence[str] = (),
    overrides: Mapping[str, Precision] | None = None,
    activations: Sequence[type[nn.Module]] = ACTIVATIONS,
    scale: Literal["fit", "unit"] = "fit",
) -> None:
    """Register a PyTorch model, and perhaps a data set, for studies; plugin files call this.

    A study names them: ``network: {name: NAME}`` and ``data: {name: NAME, validation: 100}``.
    Optimizer, precision and training length are those of the study.

    Where the model is a chain of layers that have lane versions (see
    :func:`qsched.attachment.describe.describe`), it is trained by lanes, which draw initial
    weights of their own. Else lanes of it are computed by ``torch.func``; and where that cannot
    compute it, runs are trained one by one. ``qsched run`` says which, and why.

    Args:
        name: of the network, and of the data set.
        model_fn: ``model_fn(width, classes)`` returns a new float model; ``width`` is what the
            study says, or None. It is called for every run, after seeding torch by the run.
        data_fn: ``data_fn(spec, folder)`` returns a :class:`qsched.tasks.Dataset`; None if the
            study names another data set.
        exclude, overrides, activations, scale: as of :func:`qsched.quantize`.

    Raises:
        InputError: the name is taken by something else.

    >>> def two_layers(width, classes):
    ...     hidden = width or 16
    ...     return nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, classes))
    >>> qsched.task("two-layers", two_layers)  # doctest: +SKIP
    """
    options = {
        "exclude": tuple(exclude),
        "overrides": dict(overrides or {}),
        "activations": tuple(activations),
        "scale": scale,
    }
    NETWORKS.add(name, ModelNetwork(name, model_fn, options))
    if data_fn is not None:
        DATASETS.add(name, data_fn)


class ModelNetwork(OwnNetwork):
    """A network that a function builds; arguments as of :func:`task`."""

    def __init__(self, name: str, model_fn: ModelFunction, options: dict[str, Any]) -> None:
        self.name, self.model_fn, self.options = name, model_fn, options
        self._layers = lru_cache(maxsize=8)(self._describe)

    def layers(self, width: int | None, classes: int) -> tuple[Layer, ...] | str:
        return self._layers(width, classes)

    def check(self, task: TaskSpec) -> str:
        data = load_data(task.data)
        model = self._float(task, data.classes, 0)
        quantize(model, task.precision, **self.options)
        x = torch.from_numpy(data.train.x[:2])
        logits = model.eval()(x)
        if not isinstance(logits, torch.Tensor) or logits.shape != (2, data.classes):
            found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits)
            raise InputError(
                f"the model of `{self.name}` must return a tensor [N, {data.classes}] of logits, "
                f"but for {tuple(x.shape)} it returned {found}; mend its forward"
            )
        rate = LearningRate(initial=task.optimizer.learning_rate)
        static = Schedule(weights=STE, activations=STE, learning_rate=rate)
        run = Run(task=task, schedule=static, seed=0)
        vmapped, why = self._vmapped([run], [self._built(run, torch.float32, torch.device("cpu"))])
        how = "lanes of torch.func" if vmapped else "runs one by one"
        return f"{self.name}: trained as {how}; {why}"

    def train(
        self, runs: Sequence[Run], dtype: torch.dtype, device: torch.device
    ) -> list[RunResult]:
        results: dict[int, RunResult] = {}
        models = {i: self._built(run, dtype, device) for i, run in enumerate(runs)}
        order = sorted(models, key=lambda i: _structure(models[i]))
        for _, group in groupby(order, key=lambda i: _structure(models[i])):
            indices = list(group)
            vmapped, why = self._vmapped([runs[i] for i in indices], [models[i] for i in indices])
            size = TOGETHER if vmapped else 1
            for start in range(0, len(indices), size):
                part = indices[start : start + size]
                found, _ = _train(
                    [runs[i] for i in part], [models[i] for i in part], dtype, device, vmapped
                )
                results |= {i: _noted(r, why) for i, r in zip(part, found, strict=True)}
        return [results[i] for i in range(len(runs))]

    def train_hard(
        self, run: Run, dtype: torch.dtype = torch.float32
    ) -> tuple[RunResult, nn.Module | None]:
        """Train one run as :meth:`train` does, and return its hard network, too.

        The network is what :func:`qsched.convert` returns; None if the run failed, such as one
        whose loss became NaN.
        """
        device = torch.device("cpu")
        model = self._built(run, dtype, device)
        vmapped, why = self._vmapped([run], [model])
        [result], cohort = _train([run], [model], dtype, device, vmapped)
        hard = cohort.hard(0) if result.accuracy is not None else None
        return _noted(result, why), hard

    def untrained_hard(self, run: Run) -> nn.Module:
        """Return the hard network of a run's first values: of the form of the trained one.

        Raises:
            InputError: the model cannot be quantized, or the schedule quantizes none of it.
        """
        model = self._built(run, torch.float32, torch.device("cpu"))
        return hardened(model, run.schedule)

    def _describe(self, width: int | None, classes: int) -> tuple[Layer, ...] | str:
        if self.options["exclude"] or self.options["overrides"]:
            return "layers of it are quantized in ways of their own"
        with torch.random.fork_rng(devices=[]):
            return describe(self._model(width, classes))

    def _model(self, width: int | None, classes: int) -> nn.Module:
        model = self.model_fn(width, classes)
        if not isinstance(model, nn.Module):
            raise InputError(
                f"the function of the network `{self.name}` must return a torch.nn.Module, "
                f"but it returned {type(model).__name__}"
            )
        return model

    def _float(self, task: TaskSpec, classes: int, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._model(task.network.width, classes)

    def _built(self, run: Run, dtype: torch.dtype, device: torch.device) -> nn.Module:
        """Return the quantized model of a run; a float one where nothing is quantized."""
        classes = load_data(run.task.data).classes
        model = self._float(run.task, classes, run.seed).to(device, dtype)
        if run.schedule.weights is None and run.schedule.activations is None:
            return model
        return quantize(model, run.schedule, run.task.precision, **self.options)

    def _vmapped(self, runs: list[Run], models: list[nn.Module]) -> tuple[bool, str]:
        """Return whether torch.func computes a model and its gradient, and why it is asked."""
        layers = self.layers(runs[0].task.network.width, load_data(runs[0].task.data).classes)
        dtype, device = next((p.dtype, p.device) for p in models[0].parameters())
        cohort = ModelCohort(runs[:1] * 2, models[:1] * 2, 1, dtype, device, vmapped=True)
        x = cohort.data.x[:2]
        try:
            values = cohort.values.requires_grad_()
            torch.autograd.grad(cohort.outputs(values, torch.stack([x, x])).sum(), values)
        except Exception as error:  # whatever the user's forward raises under vmap
            reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
            return False, f"torch.func cannot compute it: {type(error).__name__}: {reason}"
        return True, f"it has no lane version: {layers}"


def _train(
    runs: list[Run],
    models: list[nn.Module],
    dtype: torch.dtype,
    device: torch.device,
    vmapped: bool,
) -> tuple[list[RunResult], ModelCohort]:
    epoch, steps = step_counts(runs[0], len(load_data(runs[0].task.data).train))
    cohort = ModelCohort(runs, models, steps, dtype, device, vmapped=vmapped)
    engine = "torch-func" if vmapped else "torch-loop"
    records = [Record(run, str(dtype), engine, together=len(runs)) for run in runs]
    with torch.random.fork_rng(devices=[]):
        # What a model itself draws, such as dropout, follows from the run; lanes draw nothing.
        torch.manual_seed(runs[0].seed)
        return Loop(cohort, cohort.evaluate, records, epoch, steps).run(), cohort


def _structure(model: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Return what models must have in common to be computed at once."""
    if not any(isinstance(module, Quantizer) for module in model.modules()):
        return ()
    return tuple(
        (q.place.name, q.levels, type(q).__name__, *_form(q.method)) for q in quantizers_of(model)
    )


def _form(method: Any) -> tuple[str, ...]:
    names = ("family", "forward", "partition")
    return tuple(str(getattr(method, name, "")) for name in names)


def _noted(result: RunResult, why: str) -> RunResult:
    return result.model_copy(update={"versions": {**result.versions, "engine_reason": why}})
