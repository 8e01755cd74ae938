"""The JSON schema of schedule files, for tools that do not use qsched.

``python -m qsched.schedules.schema > docs/schema/schedule-1.json`` writes the published copy.
"""

from __future__ import annotations

import json
from typing import Any

from qsched.schedules.file import ScheduleFile

__all__ = ["schema"]


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a schedule file.

    It states the form of a file; rules that join several keys are checked by reading it.

    >>> schema()["required"]
    ['format', 'name', 'schedule']
    """
    found = ScheduleFile.model_json_schema()
    for definition in (found, *found["$defs"].values()):
        # The attributes and examples of a docstring speak to readers of the code.
        text = definition.get("description", "")
        definition["description"] = text.split("\n\nAttributes:")[0].split("\n\n>>>")[0]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:qsched:schedule:1",
    }
    return head | found | {"required": ["format", *found["required"]]}


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2))
