"""What a study file may name: bundled schedules, and the names that tasks are made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from qsched.files import Document, bundled, bundled_names
from qsched.registry import DATASETS, NETWORKS
from qsched.service.models import Entry, Task

__all__ = ["schedules", "tasks"]

_FOLDER = "search_spaces/handcoded"


@cache
def schedules() -> Sequence[Entry]:
    """Return all bundled hand-coded schedules, by name."""
    return tuple(
        Entry(
            name=name,
            about=str(Document.read(bundled(_FOLDER) / f"{name}.yaml").data.get("about", "")),
        )
        for name in bundled_names(_FOLDER)
    )


def tasks() -> Sequence[Task]:
    """Return the names of data sets and networks."""
    return tuple(
        Task(name=name, kind=registry.kind)
        for registry in (DATASETS, NETWORKS)
        for name in registry.names()
    )
