"""Schedule files in the formats that ``qsched export`` and ``qsched lower`` write."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from qsched.errors import InputError
from qsched.learning.analysis.features import features
from qsched.schedules.file import ScheduleFile
from qsched.schedules.lower import layer_places, lower
from qsched.specs import TaskSpec

__all__ = ["Extent", "Format", "extent", "written"]

_ROWS = 200_000


class Format(enum.StrEnum):
    """How a schedule is written: for qsched (YAML, JSON), or for programs without it.

    CUTIE is no way to write a schedule; see :mod:`qsched.service.accelerator`.
    """

    YAML = "yaml"
    JSON = "json"
    QUANTLAB = "quantlab"
    TABLE = "table"
    CUTIE = "cutie"

    @property
    def suffix(self) -> str:
        """How names of such files end, without the dot."""
        return {Format.QUANTLAB: "quantlab.json", Format.TABLE: "csv"}.get(self, self.value)

    @property
    def media_type(self) -> str:
        """The media type of such a file."""
        return {
            Format.YAML: "application/yaml",
            Format.TABLE: "text/csv",
        }.get(self, "application/json")


@dataclass(frozen=True)
class Extent:
    """How large a schedule is written out.

    Attributes:
        layers: quantized layers of the network.
        length: epochs (quantlab) or steps (table) of the training.
    """

    layers: int
    length: int


def extent(
    task: TaskSpec, form: Format, layers: int | None = None, length: int | None = None
) -> Extent:
    """Return what is asked for, and what the task says where nothing is.

    Args:
        task: the study's.
        form: a format; YAML and JSON need no extent.
        layers: quantized layers; None are the network's.
        length: epochs or steps; None are the task's.

    Raises:
        InputError: the task does not say: its network or its data set is no bundled one.
    """
    if form in (Format.YAML, Format.JSON):
        return Extent(layers or 1, length or 1)
    if form is Format.QUANTLAB:
        length = length or task.epochs
    if layers is not None and length is not None:
        return Extent(layers, length)
    try:
        known = features(task)
    except InputError:
        raise InputError(
            f"layers or steps of the task `{task.network.name}` on `{task.data.name}` are not "
            "known; give both: layers and length"
        ) from None
    return Extent(layers or int(known.depth), length or int(known.steps))


def written(file: ScheduleFile, form: Format, size: Extent, tolerance: float = 1e-6) -> str:
    """Return the text of a schedule file.

    Args:
        file: the schedule.
        form: how it is written.
        size: of the network and the training, see :func:`extent`.
        tolerance: how far quantlab's configuration may be off, in quanta.

    Raises:
        InputError: the format cannot express the schedule, or the text would be too long.
    """
    rows = size.layers * size.length
    if rows > _ROWS:
        raise InputError(
            f"a server writes at most {_ROWS} steps times layers, but got {rows}; "
            "download the schedule and run `qsched lower`"
        )
    places = layer_places(size.layers)
    return lower(file, form.value, places, length=size.length, tolerance=tolerance)
