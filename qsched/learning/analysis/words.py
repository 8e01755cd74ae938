"""Rules in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from qsched.schedules import Ana, Exponential, Inq, Logistic, Power, Schedule, Steps

__all__ = ["words"]


def words(part: str, schedule: Schedule, formulas: Mapping[str, str]) -> str:
    """Return a part of a schedule as a rule in words.

    Args:
        part: a part of :data:`qsched.learning.analysis.parts.PARTS`.
        schedule: the schedule whose part it is.
        formulas: parameter -> formula, where a number depends on the task.
    """
    return {
        "backward noise": _backward,
        "forward noise": _forward,
        "noise family": _family,
        "end": _window,
        "window": _window,
        "order of layers": _order,
        "lag": _lag,
        "decay shape": _shape,
        "stages": _shape,
        "learning rate": _rate,
        "activations": _activations,
        "partition": _partition,
        "optimizer state": _state,
    }[part](schedule, formulas)


def _number(value: float, name: str, formulas: Mapping[str, str]) -> str:
    return formulas.get(name, f"{value:.2g}")


def _share(value: float, name: str, formulas: Mapping[str, str]) -> str:
    return formulas.get(name, f"{100 * value:.0f} %")


def _backward(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    ana = schedule.activations
    assert ana is not None
    std = _number(ana.backward_std, "backward_std", formulas)
    if ana.backward_floor == 1:
        return (
            f"Keep the backward noise alive: {std} quanta wide, from the first step to the last."
        )
    if ana.backward_floor == 0:
        return f"Start the backward noise {std} quanta wide and let it die with the forward noise."
    floor = _share(ana.backward_floor, "floor", formulas)
    return f"Keep the backward noise alive: {std} quanta wide at first, never below {floor} of it."


def _forward(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    ana = schedule.activations
    assert ana is not None
    if ana.forward_std == 0:
        return "Use the exact stair in the forward pass from the first step."
    std = _number(ana.forward_std, "forward_std", formulas)
    kind = {"expectation": "smoothed", "mode": "most likely", "random": "random"}[ana.forward]
    return f"Start with {kind} activations and weights (noise of {std} quanta), and anneal it."


def _family(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    ana = schedule.activations
    assert ana is not None
    return f"Use {ana.family} noise."


def _window(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    window = schedule.window
    start, end = _share(window.start, "start", formulas), _share(window.end, "end", formulas)
    verb = "Freeze" if isinstance(schedule.weights, Inq) else "Harden"
    return f"{verb} between {start} and {end} of training; then train on, fully quantized."


def _order(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    window = schedule.window
    opening = _first(window.offset_start, "open")
    closing = _first(window.offset_end, "close")
    return f"Over depth, {opening} and {closing}."


def _first(offset: float, verb: str) -> str:
    if abs(offset) < 0.05:
        return f"let all layers {verb} together"
    return f"let {'lower' if offset > 0 else 'upper'} layers {verb} first (offset {offset:+.2g})"


def _lag(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    lag = schedule.lag
    parts = []
    if lag.activations:
        side = "after" if lag.activations > 0 else "before"
        parts.append(f"activations {abs(100 * lag.activations):.0f} % of training {side} weights")
    if lag.backward:
        parts.append(f"the backward noise {100 * lag.backward:.0f} % after the forward noise")
    return (
        f"Harden {' and '.join(parts)}." if parts else "Harden weights and activations together."
    )


def _shape(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    match schedule.decay:
        case Power() as power:
            how = f"as a power, exponent {_number(power.exponent, 'exponent', formulas)}"
        case Exponential() as exponential:
            how = f"exponentially, rate {_number(exponential.rate, 'rate', formulas)}"
        case Logistic() as logistic:
            how = f"along a logistic curve around {100 * logistic.center:.0f} % of the window"
        case Steps() as steps:
            how = f"in {len(steps.levels)} steps"
        case other:
            how = f"along the shape `{other.shape}`"
    return f"Let hardening proceed {how}."


def _rate(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    rate = schedule.learning_rate
    initial = _number(rate.initial, "learning_rate", formulas)
    if rate.decay != "drops" or not rate.drops:
        return f"Start at a learning rate of {initial}."
    at = 100 * rate.drops[0].at
    where = "of every stage" if rate.restart else "of training"
    return f"Start at a learning rate of {initial} and lower it to a tenth at {at:.0f} % {where}."


def _activations(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    ana = schedule.activations
    assert isinstance(ana, Ana)
    std = _number(ana.backward_std, "activation_std", formulas)
    return f"Give activations a straight-through gradient {std} quanta wide."


def _partition(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    assert isinstance(schedule.weights, Inq)
    order = {
        "magnitude": "the largest weights first",
        "smallest": "the smallest weights first",
        "random": "weights in random order",
        "error": "weights nearest to a level first",
        "rpr": "random weights, drawn anew every epoch",
    }[schedule.weights.partition]
    return f"Freeze {order}."


def _state(schedule: Schedule, formulas: Mapping[str, str]) -> str:
    assert isinstance(schedule.weights, Inq)
    verb = "Clear" if schedule.weights.reset_optimizer else "Keep"
    return f"{verb} the optimizer's state when a stage begins."
