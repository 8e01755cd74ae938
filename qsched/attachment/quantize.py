"""Quantizers for a float model: ``qsched.quantize``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from torch import Tensor, nn

from qsched.attachment.calls import only_behind
from qsched.attachment.find import ACTIVATIONS, UNREACHED, Found, find, match
from qsched.attachment.layers import QUANTIZED
from qsched.attachment.quantizer import STE, ActivationQuantizer
from qsched.attachment.summary import Entry, Summary
from qsched.attachment.weights import weight_quantizer
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
    stair functions. :func:`qsched.summary` says what became of every module.

    First and last are those of all layers with weights. Where the last one stays float, so do
    activations behind it, which belong to the output.

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
            rather than of their definition. With it the table also names activations that are
            functions, which stay float, and modules that are called more than once.

    Raises:
        InputError: an argument is of another type, nothing can be quantized, it is quantized
            already, or a pattern (also one of the schedule) matches nothing.

    >>> import qsched
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    >>> print(qsched.summary(qsched.quantize(model, "ana-2019-partition")))
    module  class   role         depth  levels
    ------  ------  -----------  -----  -----------------
    0       Linear  weights      0.00   ternary
    2       ReLU    activations  0.00   ternary
    3       Linear  weights             float: last layer
    """
    _check_arguments(model, precision, exclude, overrides, activations)
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
    chosen = _chosen(model, found, wanted, exclude, ordered=example is not None)
    levels = _levels(chosen, wanted, overrides or {})
    places = _places(chosen)
    methods = _methods(places, followed)
    entries = tuple(_entry(entry, places, levels, methods) for entry in chosen)
    if not any(entry.levels for entry in entries):
        raise InputError(_nothing(entries))
    like = next(model.parameters(), None)
    if like is None:
        raise InputError(
            "a model needs parameters to be trained, but this has none; quantize one that has "
            "layers with weights"
        )
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


def _check_arguments(
    model: Any, precision: Any, exclude: Any, overrides: Any, activations: Any
) -> None:
    """Refuse arguments of other types than they must have, all at once."""
    faults = []
    if not isinstance(model, nn.Module):
        faults.append(f"the model must be a torch.nn.Module, but is {_shown(model)}")
    if precision is not None and not isinstance(precision, Precision):
        faults.append(
            f"precision must be a qsched.Precision, but is {_shown(precision)}; write "
            'Precision(weights="ternary", activations="ternary")'
        )
    if isinstance(exclude, str) or not all(isinstance(pattern, str) for pattern in exclude):
        faults.append(
            f"exclude must be a list of regular expressions, but is {_shown(exclude)}; write "
            'exclude=["NAME"]'
        )
    wrong = {
        name: value
        for name, value in (overrides or {}).items()
        if not isinstance(value, Precision)
    }
    faults += [
        f"overrides must hold a Precision for each pattern, but for `{name}` it holds "
        f"{_shown(value)}; write overrides={{{name!r}: Precision(weights=...)}}"
        for name, value in wrong.items()
    ]
    if not all(isinstance(kind, type) for kind in activations):
        faults.append(
            f"activations must be a list of classes, but are {_shown(activations)}; write "
            "activations=(*qsched.attachment.ACTIVATIONS, NAME)"
        )
    if faults:
        raise InputError("\n".join(faults))


def _shown(value: Any) -> str:
    text = repr(value)
    return f"the {type(value).__name__} {text if len(text) < 60 else text[:57] + '...'}"


def resolve_schedule(
    schedule: Schedule | ScheduleFile | str | Path,
) -> tuple[Schedule, Precision]:
    """Return a schedule and the precision it is meant for: that of its file's task, if any."""
    if isinstance(schedule, Schedule):
        return schedule, Precision()
    if not isinstance(schedule, ScheduleFile | str | Path):
        raise InputError(
            "a schedule is a Schedule, a ScheduleFile, a bundled name or a path, but this is "
            f"{_shown(schedule)}; read a file by qsched.schedules.file.load_schedule, or make one "
            "by qsched.schedules.Schedule(...)"
        )
    file = schedule if isinstance(schedule, ScheduleFile) else load_schedule(schedule)
    stated = (file.task or {}).get("precision")
    return file.schedule, Precision.model_validate(stated or {})


def _chosen(
    model: nn.Module,
    found: list[Found],
    precision: Precision,
    exclude: Sequence[str],
    *,
    ordered: bool,
) -> list[Found]:
    """Add the reasons that precision and the user give.

    First and last are those of all layers with weights, also of such as stay float anyway.
    """
    excluded = match(exclude, [entry.name for entry in found], "exclude")
    layers = [e.name for e in found if e.role == "weights" and e.reason != UNREACHED]
    left = dict.fromkeys(excluded, "excluded")
    if layers and not precision.first and len(layers) > 1:
        left.setdefault(layers[0], "first layer")
    if layers and not precision.last:
        left.setdefault(layers[-1], "last layer")
    chosen = [
        entry if entry.reason else replace(entry, reason=left.get(entry.name, ""))
        for entry in found
    ]
    last = next((entry for entry in reversed(chosen) if entry.name in layers[-1:]), None)
    if last is None or not last.reason:
        return chosen
    behind = _behind(model, chosen, last, ordered=ordered)
    return [
        replace(entry, reason="behind the last layer") if entry.name in behind else entry
        for entry in chosen
    ]


def _behind(model: nn.Module, found: list[Found], last: Found, *, ordered: bool) -> set[str]:
    """Return the activations that stand behind a last layer in float: of the output."""
    later = [e for e in found[found.index(last) :] if e.role == "activations" and not e.reason]
    names = [entry.name for entry in later]
    return set(names) if ordered else only_behind(model, names, last.name)


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
    name, float_ = found.name, ""
    if found.reason:
        float_ = found.reason
    elif levels[name] == "float":
        float_ = "levels are float"
    elif methods[name] is None:
        float_ = "full precision in the schedule"
    if float_:
        return Entry(name, found.kind, found.role, reason=float_, calls=found.calls)
    depth = places[name].depth
    return Entry(name, found.kind, found.role, depth, levels[name], calls=found.calls)


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
