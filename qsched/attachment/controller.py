"""A schedule at work in a user's training loop: ``qsched.attach``."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.optim import Optimizer

from qsched.attachment.course import Course
from qsched.attachment.draws import partition_draws
from qsched.attachment.layers import QuantizedLayer
from qsched.attachment.quantize import resolve_schedule
from qsched.attachment.quantizer import ActivationQuantizer, Quantizer
from qsched.attachment.rates import Combination, base_rates, set_rates
from qsched.attachment.weights import IncrementalWeights
from qsched.errors import InputError
from qsched.schedules import FROZEN, Ana, Inq, Place, Schedule
from qsched.schedules.file import ScheduleFile

__all__ = ["Controller", "attach", "layers_of", "quantizers_of"]

FORMAT = 1


def attach(
    model: nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    schedule: Schedule | ScheduleFile | str | Path,
    total_steps: int,
    *,
    seed: int = 0,
    steps_per_epoch: int | None = None,
    learning_rate: Combination = "schedule",
) -> Controller:
    """Let a quantized model and its optimizer follow a schedule over ``total_steps`` steps.

    Call ``step()`` of what is returned after each ``optimizer.step()``. The first step trains with
    the values of progress 0, which are set at once.

    Args:
        model: what :func:`qsched.quantize` returned, or a wrapper of it (DDP, compiled).
        optimizer: one or several.
        schedule: a schedule, its file, a bundled name or a path.
        total_steps: number of optimizer steps of the whole training, >= 1. The schedule is
            stretched to it; steps beyond it stay at its end, fully quantized.
        seed: of noise and of random partitions.
        steps_per_epoch: how often ``rpr`` draws its partition anew; used for nothing else.
        learning_rate: what becomes of the learning rates of the parameter groups.
            ``schedule``: the group of the largest rate gets that of the schedule, the others keep
            their ratio to it. ``scale``: every rate is multiplied by the course of the schedule,
            which begins at 1. ``keep``: they are left alone, for a scheduler of one's own; with
            such a scheduler the other two warn.

    Raises:
        InputError: the optimizer is none, or of another model; the model is not quantized, the
            schedule quantizes none of it or has an exception for what is not there, or a number
            is out of range.

    >>> import qsched, torch
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.Hardtanh(), nn.Linear(8, 2))
    >>> model = qsched.quantize(model, "ana-2019-partition")
    >>> optimizer = torch.optim.Adam(model.parameters())
    >>> ctl = qsched.attach(model, optimizer, "ana-2019-partition", total_steps=2)
    >>> for x in torch.randn(2, 16, 4):
    ...     optimizer.zero_grad()
    ...     model(x).square().mean().backward()
    ...     optimizer.step()
    ...     ctl.step()
    >>> ctl.progress, ctl.fully_quantized
    (1.0, True)
    """
    optimizers = _optimizers(model, optimizer)
    groups = [group for one in optimizers for group in one.param_groups]
    if learning_rate != "keep" and any("initial_lr" in group for group in groups):
        warnings.warn(
            "a schedule sets learning rates, but the optimizer has a scheduler of torch: each "
            'overwrites what the other sets; attach with learning_rate="keep" to keep your '
            "scheduler, or leave it out",
            stacklevel=2,
        )
    return Controller(
        model,
        optimizers,
        resolve_schedule(schedule)[0],
        total_steps,
        seed=seed,
        steps_per_epoch=steps_per_epoch,
        learning_rate=learning_rate,
    )


class Controller:
    """What :func:`attach` returns; arguments are its own.

    All that it sets follows from the step alone, so a resumed, skipped or repeated step can miss
    nothing. What INQ has frozen is part of the model's state dict.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        schedule: Schedule,
        total_steps: int,
        *,
        seed: int,
        steps_per_epoch: int | None,
        learning_rate: Combination,
    ) -> None:
        _check_integer("total_steps", total_steps, 1)
        if steps_per_epoch is not None:
            _check_integer("steps_per_epoch", steps_per_epoch, 1)
        self.optimizers, self.schedule, self.seed = list(optimizers), schedule, seed
        self.layers, self.quantizers = layers_of(model), quantizers_of(model)
        self.steps_per_epoch, self.learning_rate = steps_per_epoch, learning_rate
        places = [quantizer.place for quantizer in self.quantizers]
        methods = _methods(schedule, places)
        if steps_per_epoch is None and any(_relaxes(method) for method in methods):
            raise InputError(
                "the partition `rpr` is drawn anew every epoch: attach with steps_per_epoch=N"
            )
        base_rates(self.optimizers, learning_rate)
        self.course = Course(schedule, places, total_steps, seed)
        self._follow(model, methods)
        self._step = self._stage = self._epoch = 0
        self._written: np.ndarray | None = None
        self._apply()

    @property
    def steps(self) -> int:
        """Number of steps taken."""
        return self._step

    @property
    def progress(self) -> float:
        """Training progress u in [0, 1]."""
        return self.course.progress(self._step)

    @property
    def fully_quantized(self) -> bool:
        """Whether training computes with the hard network; take best checkpoints only then."""
        return not self.remaining

    @property
    def remaining(self) -> tuple[str, ...]:
        """What is left to quantize: a line for every quantizer concerned."""
        left = ((q.place.name, q.remaining) for q in self.quantizers)
        return tuple(f"{name}: {what}" for name, what in left if what)

    def step(self) -> None:
        """Go on to the next step; to be called after each step of the optimizer."""
        self.seek(self._step + 1)

    def seek(self, step: int) -> None:
        """Go to a step, such as the number of optimizer steps that a trainer has counted.

        Frozen weights are put back first. Going back does not thaw weights.

        Args:
            step: >= 0; beyond the last one, all stays as at the last one.

        Raises:
            InputError: it is no integer, or negative.
        """
        _check_integer("a step", step, 0)
        for layer in self.layers:
            if isinstance(layer.quantizer, IncrementalWeights):
                layer.quantizer.hold(layer.weight)
        self._step = step
        self._apply()

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint must hold besides those of model and optimizer."""
        return {
            "format": FORMAT,
            "step": self._step,
            "total_steps": self.course.steps,
            "seed": self.seed,
            "schedule_sha256": self.schedule.sha256,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another controller was; load the state of the model first.

        Raises:
            InputError: the state is of another schedule, length or seed, or of no controller.
        """
        expected = self.state_dict()
        found = list(state) if isinstance(state, dict) else []
        if set(found) != expected.keys():
            raise InputError(
                f"the state of a controller has the keys {', '.join(expected)}, but this has "
                f"{', '.join(map(str, found)) or 'none'}; load what ctl.state_dict() returned"
            )
        for key in ("format", "total_steps", "seed", "schedule_sha256"):
            if state[key] != expected[key]:
                raise InputError(
                    f"a training must be resumed with the {key} it began with, {state[key]}, but "
                    f"this controller has {expected[key]}; attach with the same arguments"
                )
        self.resume(state["step"])

    def resume(self, step: int) -> None:
        """Go on at a step for which model and optimizer have been restored already.

        Unlike :meth:`seek` this does not clear the optimizer's state for a stage that has begun.

        Args:
            step: number of optimizer steps taken, >= 0.
        """
        self._step, self._stage = step, self.course.stage(step)
        self._epoch = self._epoch_of(step)
        self._written = None
        self._apply()

    def _follow(self, model: nn.Module, methods: Sequence[Ana | Inq | None]) -> None:
        for layer, method in zip(self.layers, methods, strict=False):
            layer.follow(method)
        # Where the method changed its form, the quantizer is a new one.
        self.quantizers = quantizers_of(model)
        for quantizer, method in zip(self.quantizers, methods, strict=True):
            quantizer.method = method

    def _apply(self) -> None:
        """Set everything that follows from the step."""
        controls = self.course.controls(self._step)
        set_rates(
            self.optimizers,
            self.learning_rate,
            self.course.rate(self._step),
            self.schedule.learning_rate.initial,
        )
        self._clear()
        for site, (quantizer, row) in enumerate(zip(self.quantizers, controls, strict=True)):
            if self._written is None or not np.array_equal(row, self._written[site]):
                quantizer.set_controls(row)
        if self.course.samples:
            for quantizer, keys in zip(self.quantizers, self.course.keys(self._step), strict=True):
                quantizer.set_keys(keys)
        self._freeze(controls[:, FROZEN])
        self._written = controls

    def _clear(self) -> None:
        """Forget the optimizers' state where a new stage has begun."""
        stage = self.course.stage(self._step)
        if stage > self._stage:
            for optimizer in self.optimizers:
                optimizer.state.clear()
        self._stage = stage

    def _freeze(self, fractions: np.ndarray) -> None:
        before = None if self._written is None else self._written[:, FROZEN]
        epoch = self._epoch_of(self._step)
        for site, layer in enumerate(self.layers):
            quantizer, weight = layer.quantizer, layer.weight
            if not isinstance(quantizer, IncrementalWeights):
                continue
            if before is None or quantizer.restarted:
                moved = quantizer.lacks(fractions[site])
                quantizer.restarted = False
            else:
                if epoch != self._epoch and _relaxes(quantizer.method):
                    quantizer.advance(weight, before[site], self._draws(site, epoch))
                moved = fractions[site] != before[site]
            if moved:
                quantizer.advance(weight, fractions[site], self._draws(site, epoch))
        self._epoch = epoch

    def _draws(self, site: int, epoch: int) -> Tensor | None:
        layer = self.layers[site]
        method = layer.quantizer.method
        partition = method.partition if isinstance(method, Inq) else "magnitude"
        return partition_draws(partition, self.seed, site, epoch, layer.weight)

    def _epoch_of(self, step: int) -> int:
        return step // self.steps_per_epoch if self.steps_per_epoch else 0


def _optimizers(model: Any, optimizer: Any) -> list[Optimizer]:
    """Return the optimizers, if they are some, and those of this quantized model.

    Raises:
        InputError: they are not, or the model is not quantized.
    """
    if not isinstance(model, nn.Module):
        raise InputError(
            f"a schedule is attached to a torch.nn.Module, but this is {type(model).__name__}; "
            "give the model that qsched.quantize returned"
        )
    many = isinstance(optimizer, Sequence) and len(optimizer) > 0
    found = list(optimizer) if many else [optimizer]
    for one in found:
        if not isinstance(one, Optimizer):
            kind = f"an empty {type(one).__name__}" if one in ([], ()) else type(one).__name__
            raise InputError(
                "a schedule needs the optimizer of the training, a torch.optim.Optimizer or "
                f"several, but got {kind}; make it before: torch.optim.Adam(model.parameters())"
            )
    quantizers_of(model)
    own = {id(parameter) for parameter in model.parameters()}
    given = {id(p) for one in found for group in one.param_groups for p in group["params"]}
    if own and not own & given:
        raise InputError(
            "the optimizer must be that of the model, but it holds none of the model's "
            "parameters; make it from model.parameters() of this very model"
        )
    return found


def _check_integer(name: str, value: Any, least: int) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(f"{name} must be an integer >= {least}, but got {value!r}")


def layers_of(model: nn.Module) -> list[QuantizedLayer]:
    """Return the quantized layers of a model, each once, by depth."""
    found = [module for module in model.modules() if isinstance(module, QuantizedLayer)]
    return sorted(found, key=lambda layer: layer.quantizer.place.depth)


def quantizers_of(model: nn.Module) -> list[Quantizer]:
    """Return the quantizers of a model: of the weights first, then of the activations, by depth.

    Raises:
        InputError: it has none.
    """
    weights: list[Quantizer] = [layer.quantizer for layer in layers_of(model)]
    found = [module for module in model.modules() if isinstance(module, ActivationQuantizer)]
    activations = sorted(found, key=lambda quantizer: quantizer.place.depth)
    if not weights and not activations:
        raise InputError("the model has no quantizers; call qsched.quantize(model, ...) first")
    return weights + activations


def _methods(schedule: Schedule, places: Sequence[Place]) -> list[Ana | Inq | None]:
    faults = [message for _, message in schedule.unmatched(places)]
    if faults:
        raise InputError("; ".join(faults))
    methods = [schedule.method(place) for place in places]
    if all(method is None for method in methods):
        raise InputError(
            "the schedule leaves all of this model in full precision; attach one that quantizes"
        )
    return methods


def _relaxes(method: Ana | Inq | None) -> bool:
    return isinstance(method, Inq) and method.partition == "rpr"
