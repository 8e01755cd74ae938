"""Quantizers for a float model: ``qsched.quantize``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from torch import Tensor, nn

from qsched.attach.find import ACTIVATIONS, Found, find, match
from qsched.attach.layers import QUANTIZED
from qsched.attach.quantizer import STE, ActivationQuantizer
from qsched.attach.summary import Entry, Summary
from qsched.attach.weights import weight_quantizer
from qsched.errors import InputError
from qsched.schedules import Ana, Inq, Place, Schedule, depths
from qsched.schedules.file import ScheduleFile, load_schedule
from qsched.specs import Precision

__all__ = ["quantize", "resolve_schedule"]

M = TypeVar("M", bound=nn.Module)


def quantize(
    model: M,
    schedule: Schedule | ScheduleFile | Precision | str | Path,
    precision: Precision | None = None,
    *,
    exclude: Sequence[str] = (),
    overrides: Mapping[str, Precision] | None = None,
    activations: Sequence[type[nn.Module]] = ACTIVATIONS,
    scale: Literal["fit", "unit"] = "fit",
    example: Any = None,
) -> M:
    """Put quantizers into a model, in place, and return it.

    Linear, Conv1d, Conv2d, ConvTranspose1d and ConvTranspose2d layers (grouped and depthwise ones
    too) get quantized weights; their parameters stay the same objects under the same names, so an
    optimizer made before goes on working and a float state dict loads. Activations are replaced by
    stair functions. :func:`qsched.attach.summary` says what became of every module.

    Layers with weights are numbered in order; an activation belongs to the layer before it and
    shares its depth. Quantizers are known by their module's name.

    If anything raises, the model is as it was.

    Args:
        model: a float model, not itself a single layer.
        schedule: what it will be trained by (a schedule, its file, a bundled name or a path), so
            that what the schedule leaves in full precision stays float; or only the precision.
        precision: levels of weights and activations, and whether the first and the last layer are
            quantized. Default: that of the schedule file's task, or else ternary but for the last
            layer.
        exclude: regular expressions; what they match in full stays float.
        overrides: regular expressions with other levels for what they match in full; of several,
            the last one holds. ``first`` and ``last`` are not read.
        activations: classes of activations that are replaced, by exact type.
        scale: ``fit`` scales the levels of annealed weights to each layer's weights, with the
            least squared error, now and whenever a float state dict is loaded; ``unit`` takes
            levels as they are, as studies do for networks with batch normalization.
        example: arguments of one call of the model, to number layers in the order of their calls
            rather than of their definition.

    Raises:
        InputError: nothing can be quantized, it is quantized already, or a pattern (also one of
            the schedule) matches nothing.

    >>> import qsched
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    >>> print(qsched.attach.summary(qsched.quantize(model, "ana-2019-partition")))
    module  class   role         depth  levels
    ------  ------  -----------  -----  -----------------
    0       Linear  weights      0.00   ternary
    2       ReLU    activations  0.00   ternary
    3       Linear  weights             float: last layer
    """
    followed, stated = (
        (None, schedule) if isinstance(schedule, Precision) else resolve_schedule(schedule)
    )
    wanted = precision or stated
    found = find(model, activations, example)
    if any(entry.module is model and not entry.reason for entry in found):
        raise InputError(
            f"layers are replaced inside a model, but this is one {type(model).__name__}; wrap it "
            "in nn.Sequential"
        )
    chosen = _chosen(found, wanted, exclude)
    levels = _levels(chosen, wanted, overrides or {})
    places = _places(chosen)
    methods = _methods(places, followed)
    entries = tuple(_entry(entry, places, levels, methods) for entry in chosen)
    if not any(entry.levels for entry in entries):
        raise InputError(_nothing(entries))
    like = next(model.parameters())
    new: dict[int, nn.Module] = {}
    for entry, row in zip(chosen, entries, strict=True):
        if row.levels is not None:
            place, method = places[entry.name], methods[entry.name]
            new[id(entry.module)] = _quantized(
                entry.module, place, row.levels, method, like, scaled=scale == "fit"
            )
    for name, module in [*model.named_modules(remove_duplicate=False)]:
        if id(module) in new:
            model.set_submodule(name, new[id(module)])
    model.qsched_summary = Summary(entries)  # type: ignore[assignment]
    return model


def resolve_schedule(
    schedule: Schedule | ScheduleFile | str | Path,
) -> tuple[Schedule, Precision]:
    """Return a schedule and the precision it is meant for: that of its file's task, if any."""
    if isinstance(schedule, Schedule):
        return schedule, Precision()
    file = schedule if isinstance(schedule, ScheduleFile) else load_schedule(schedule)
    stated = (file.task or {}).get("precision")
    return file.schedule, Precision.model_validate(stated or {})


def _chosen(found: list[Found], precision: Precision, exclude: Sequence[str]) -> list[Found]:
    """Add the reasons that precision and the user give."""
    excluded = match(exclude, [entry.name for entry in found], "exclude")
    layers = [entry.name for entry in found if entry.role == "weights" and not entry.reason]
    left = dict.fromkeys(excluded, "excluded")
    if layers and not precision.first and len(layers) > 1:
        left.setdefault(layers[0], "first layer")
    if layers and not precision.last:
        left.setdefault(layers[-1], "last layer")
    return [
        entry if entry.reason else replace(entry, reason=left.get(entry.name, ""))
        for entry in found
    ]


def _levels(
    found: list[Found], precision: Precision, overrides: Mapping[str, Precision]
) -> dict[str, str]:
    """Return the levels of every module, by name."""
    matched = match(overrides, [entry.name for entry in found], "overrides")
    result: dict[str, str] = {}
    for entry in found:
        own = overrides[matched[entry.name]] if entry.name in matched else precision
        result[entry.name] = own.weights if entry.role == "weights" else own.activations
    return result


def _places(found: list[Found]) -> dict[str, Place]:
    """Return the place of every quantizer, by name."""
    layer, numbered = 0, []
    for entry in found:
        layer += entry.role == "weights"
        if not entry.reason:
            numbered.append((max(layer, 1), entry))
    layers = sorted({number for number, _ in numbered})
    depth = dict(zip(layers, depths(len(layers)), strict=True))
    return {entry.name: Place(entry.role, depth[n], entry.name) for n, entry in numbered}


def _methods(places: dict[str, Place], schedule: Schedule | None) -> dict[str, Ana | Inq | None]:
    if schedule is None:
        return dict.fromkeys(places, STE)
    faults = [message for _, message in schedule.unmatched(list(places.values()))]
    if faults:
        raise InputError("; ".join(faults))
    return {name: schedule.method(place) for name, place in places.items()}


def _entry(
    found: Found,
    places: dict[str, Place],
    levels: dict[str, str],
    methods: dict[str, Ana | Inq | None],
) -> Entry:
    kind, name = type(found.module).__name__, found.name
    if found.reason:
        return Entry(name, kind, found.role, reason=found.reason)
    if levels[name] == "float":
        return Entry(name, kind, found.role, reason="levels are float")
    if methods[name] is None:
        return Entry(name, kind, found.role, reason="full precision in the schedule")
    return Entry(name, kind, found.role, places[name].depth, levels[name])


def _quantized(
    module: nn.Module,
    place: Place,
    levels: str,
    method: Ana | Inq | None,
    like: Tensor,
    *,
    scaled: bool,
) -> nn.Module:
    if place.role == "activations":
        ana = method if isinstance(method, Ana) else None
        return ActivationQuantizer(place, levels, ana, like, module).train(module.training)
    weight = module.get_parameter("weight")
    quantizer = weight_quantizer(place, levels, method, weight, scaled=scaled)
    layer: nn.Module = QUANTIZED[type(module)](module, quantizer, scaled=scaled)
    return layer


def _nothing(entries: tuple[Entry, ...]) -> str:
    if not entries:
        return (
            "a model needs a Linear or Conv layer to be quantized, but this has no module with "
            "weights and no activation module; functions such as F.relu are not found"
        )
    left = "; ".join(f"`{entry.name}` ({entry.kind}): {entry.reason}" for entry in entries)
    return f"nothing of this model would be quantized: {left}"
