r"""Schedules as the JSON of quantlab (pulp-platform/quantlab), with what that cannot express.

quantlab changes its controls at the start of each epoch t = 0, 1, ... and knows

- ANA: one mean and one noise width for forward and backward pass, each :math:`\beta\,m(t)` with
  :math:`m(t) = ((t_{end} - t) / (t_{end} - t_{start}))^\alpha` inside a window and an integer
  :math:`\alpha`;
- INQ: one fraction for all layers, epoch by epoch.

So the nearest configuration is computed, compared with the schedule at the start of every epoch,
and refused where it differs by more than the caller allows. Within an epoch quantlab holds its
values; that is not counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from qsched.errors import InputError
from qsched.schedules.methods import Ana, Inq
from qsched.schedules.places import Place
from qsched.schedules.schedule import BACKWARD_STD, FORWARD_STD, FROZEN, MEAN, Schedule

__all__ = ["Quantlab", "lower_quantlab"]

WIDTHS = {
    "uniform": math.sqrt(3),
    "triangular": math.sqrt(6),
    "normal": 1.0,
    "logistic": math.sqrt(3) / math.pi,
}
"""What quantlab calls sigma, for a standard deviation of 1 (half-widths and scales, by family)."""

STRATEGIES = {"magnitude": "magnitude", "random": "random", "rpr": "RPR"}
ALPHAS = range(33)
STATIC = Ana(forward_std=0.0, backward_std=12**-0.5, backward_floor=1.0)


class Quantlab(NamedTuple):
    """A part of a quantlab configuration, and how far it is from the schedule.

    Attributes:
        config: to be merged into a ``config.json``.
        deviation: largest distance at the start of an epoch: of standard deviations and means in
            quanta, or of the frozen fraction.
        where: of which control, quantizer and epoch.
    """

    config: dict[str, Any]
    deviation: float
    where: str


def lower_quantlab(
    schedule: Schedule, places: Sequence[Place], epochs: int, tolerance: float = 1e-6
) -> Quantlab:
    """Return the configuration of quantlab that follows a schedule.

    Args:
        schedule: the schedule.
        places: the quantizers of the network; their names are those of quantlab's modules.
        epochs: length of the training, >= 1.
        tolerance: largest deviation allowed.

    Raises:
        InputError: quantlab has nothing like a part of the schedule, or the nearest configuration
            differs by more than ``tolerance``; the message states by how much, and where.
    """
    if epochs < 1:
        raise InputError(f"quantlab counts epochs: give at least 1, but got {epochs}")
    used = [place for place in places if schedule.method(place) is not None]
    methods = [schedule.method(place) for place in used]
    if not used:
        raise InputError("the schedule quantizes nothing, so there is nothing to lower")
    lower = _inq if any(isinstance(method, Inq) for method in methods) else _ana
    found = lower(schedule, used, epochs)
    if found.deviation > tolerance:
        raise InputError(
            f"quantlab cannot express this schedule: the nearest configuration differs by up to "
            f"{found.deviation:.3g} ({found.where}), and {tolerance:g} is allowed; allow more "
            "with --tolerance, or use the table"
        )
    return found


def _inq(schedule: Schedule, places: Sequence[Place], epochs: int) -> Quantlab:
    weights = [place for place in places if place.role == "weights"]
    method = schedule.weights
    if not isinstance(method, Inq) or method.partition not in STRATEGIES:
        name = method.partition if isinstance(method, Inq) else "none"
        raise InputError(
            f"quantlab freezes by {', '.join(STRATEGIES)}, but the partition here is `{name}`"
        )
    if schedule.activations not in (None, STATIC, STATIC.model_copy(update={"forward": "mode"})):
        raise InputError(
            "beside INQ, quantlab quantizes activations by a static clipped straight-through "
            "estimator, but this schedule anneals them"
        )
    table = schedule.at(_starts(epochs), weights)[:, :, FROZEN]
    middle = (table.max(axis=1) + table.min(axis=1)) / 2
    steps = {str(epoch): middle[epoch] for epoch in _changes(middle, 0.0)}
    if middle[-1] < 1:
        steps[str(epochs)] = 1.0
    quantizers: dict[str, Any] = {
        "INQ": {
            "schedule": steps,
            "clear_optim_state_on_step": method.reset_optimizer,
        }
    }
    config = _config(schedule, epochs, {"config": quantizers})
    config["network"] = {
        "quantize": {
            "kwargs": {"config": {"INQ": {"quant_strategy": STRATEGIES[method.partition]}}}
        }
    }
    return Quantlab(config, *_worst(np.abs(table - middle[:, None]), weights, "frozen"))


def _ana(schedule: Schedule, places: Sequence[Place], epochs: int) -> Quantlab:
    kinds = {
        (method.family, method.forward)
        for method in map(schedule.method, places)
        if isinstance(method, Ana)
    }
    if len(kinds) > 1:
        raise InputError(
            "quantlab has one noise family and one strategy for a network, but this schedule has "
            f"{' and '.join(sorted(' '.join(kind) for kind in kinds))}"
        )
    [(family, strategy)] = kinds
    table = schedule.at(_starts(epochs), places)
    timers: dict[str, dict[str, Any]] = {}
    found: list[tuple[float, str]] = []
    for i, place in enumerate(places):
        curve = schedule.curve(place)
        start, end = round(curve.start * epochs), round(curve.end * epochs)
        window = start, max(end, start + 1)
        sigma, std = _bws(table[:, i, FORWARD_STD], window)
        mean, shift = _bws(table[:, i, MEAN], window)
        for name, column, values in (
            ("forward_std", FORWARD_STD, std),
            ("backward_std", BACKWARD_STD, std),
            ("mean", MEAN, shift),
        ):
            found.append(_worst(np.abs(table[:, i, column] - values)[:, None], [place], name))
        sigma["beta"] = float(f"{sigma['beta'] * WIDTHS[family]:.12g}")
        timer = {"mi": mean, "sigma": sigma}
        timers.setdefault(repr(timer), {"modules": [], **timer})["modules"].append(place.name)
    config = _config(schedule, epochs, {"ctrl_spec": list(timers.values())})
    config["network"] = {"quantize": {"kwargs": {"noise_type": family, "strategy": strategy}}}
    return Quantlab(config, *max(found, key=lambda one: one[0]))


def _bws(values: np.ndarray, window: tuple[int, int]) -> tuple[dict[str, Any], np.ndarray]:
    """Return the bounded window nearest to values at all epochs, and its own values."""
    start, end = window
    beta = float(values[0])
    left = (end - np.clip(np.arange(len(values)), start, end)) / (end - start)
    choices = [(alpha, beta * left**alpha) for alpha in ALPHAS]  # 0 ** 0 is 1, as in quantlab
    alpha, best = min(choices, key=lambda choice: float(np.abs(choice[1] - values).max()))
    kwargs = {"tstart": start, "tend": end, "alpha": alpha}
    return {"beta": beta, "fun": "bws", "kwargs": kwargs}, best


def _config(schedule: Schedule, epochs: int, kwargs: dict[str, Any]) -> dict[str, Any]:
    initial = schedule.learning_rate.initial
    factors = schedule.learning_rates(_starts(epochs)) / initial
    course = {str(epoch): float(f"{factors[epoch]:.6g}") for epoch in _changes(factors, np.nan)}
    scheduler = {"class": "HandScheduler", "kwargs": {"schedule": course}}
    return {
        "training": {
            "gd": {"opt": {"kwargs": {"lr": initial}}, "lr_sched": scheduler},
            "n_epochs": epochs,
            "quantize": {"kwargs": kwargs},
        }
    }


def _starts(epochs: int) -> np.ndarray:
    return np.arange(epochs) / epochs


def _changes(values: np.ndarray, before: float) -> list[int]:
    """Return the epochs at which a value differs from the one before."""
    return np.flatnonzero(np.diff(values, prepend=before) != 0).tolist()


def _worst(distance: np.ndarray, places: Sequence[Place], control: str) -> tuple[float, str]:
    epoch, i = divmod(int(distance.argmax()), distance.shape[1])
    name = places[i].name or f"{places[i].role} at depth {places[i].depth:.2g}"
    return float(distance[epoch, i]), f"{control} of {name} at epoch {epoch}"
