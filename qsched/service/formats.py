"""Schedule files in the formats that ``qsched export`` and ``qsched lower`` write."""

from __future__ import annotations

import enum

from qsched.errors import InputError
from qsched.schedules.file import ScheduleFile
from qsched.schedules.lower import layer_places, lower

__all__ = ["Format", "Lowered", "file_type", "written"]

_ROWS = 200_000


class Format(enum.StrEnum):
    """How a schedule file is written that qsched reads."""

    YAML = "yaml"
    JSON = "json"

    @property
    def media_type(self) -> str:
        """The media type of such a file."""
        return f"application/{self.value}"


class Lowered(enum.StrEnum):
    """How a schedule is written out for programs without qsched."""

    QUANTLAB = "quantlab"
    TABLE = "table"


_LOWERED = {
    Lowered.QUANTLAB: ("quantlab.json", "application/json"),
    Lowered.TABLE: ("csv", "text/csv"),
}


def file_type(form: Format | Lowered) -> tuple[str, str]:
    """Return suffix and media type of a format."""
    return _LOWERED[form] if isinstance(form, Lowered) else (form.value, form.media_type)


def written(
    file: ScheduleFile,
    form: Format | Lowered,
    layers: int,
    length: int,
    tolerance: float = 1e-6,
) -> str:
    """Return the text of a schedule file.

    Args:
        file: the schedule.
        form: how it is written.
        layers: quantized layers of the network, for a :class:`Lowered` format.
        length: epochs (quantlab) or steps (table) of the training, for a :class:`Lowered` format.
        tolerance: how far quantlab's configuration may be off, in quanta.

    Raises:
        InputError: the format cannot express the schedule, or the text would be too long.
    """
    if layers * length > _ROWS:
        raise InputError(
            f"a server writes at most {_ROWS} steps times layers, but got {layers * length}; "
            "download the schedule and run `qsched lower`"
        )
    places = layer_places(layers)
    return lower(file, form.value, places, length=length, tolerance=tolerance)
