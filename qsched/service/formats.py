"""Schedule files in the formats that ``qsched export`` writes."""

from __future__ import annotations

import enum

from qsched.schedules.file import ScheduleFile, dump

__all__ = ["Format", "written"]


class Format(enum.StrEnum):
    """How a schedule file is written."""

    YAML = "yaml"
    JSON = "json"

    @property
    def media_type(self) -> str:
        """The media type of such a file."""
        return f"application/{self.value}"


def written(file: ScheduleFile, form: Format) -> str:
    """Return the text of a schedule file."""
    if form is Format.YAML:
        return dump(file)
    return file.model_dump_json(exclude_none=True, indent=2) + "\n"
