"""What there is by name, bundled files and parts of tasks; and whether a file is sound."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal

from qsched.errors import SpecError
from qsched.files import Document, bundled, bundled_names
from qsched.registry import DATASETS, NETWORKS
from qsched.schedules.file import ScheduleFile
from qsched.service.admission import admitted, runs_at_most
from qsched.service.models import Checked, Entry, Listed, Task
from qsched.service.settings import Limits
from qsched.spaces import SearchSpace

__all__ = ["catalog", "checked", "schedules", "tasks"]

_FOLDERS: dict[Literal["studies", "spaces", "schedules"], str] = {
    "studies": "studies",
    "spaces": "search_spaces",
    "schedules": "search_spaces/handcoded",
}
_KINDS: tuple[Literal["study", "space", "schedule"], ...] = ("study", "space", "schedule")


def catalog() -> Sequence[Listed]:
    """Return what ``qsched ls`` lists, in its order."""
    names = [Listed(kind="tasks", name=task.name, about=task.kind) for task in tasks()]
    return (*_files(), *names)


def schedules() -> Sequence[Entry]:
    """Return all bundled hand-coded schedules, by name."""
    files = (each for each in _files() if each.kind == "schedules")
    return [Entry(name=each.name, about=each.about) for each in files]


def tasks() -> Sequence[Task]:
    """Return the names of data sets and networks."""
    return tuple(
        Task(name=name, kind=registry.kind)
        for registry in (DATASETS, NETWORKS)
        for name in registry.names()
    )


def checked(document: Document, limits: Limits) -> Checked:
    """Return what a received file is, if it is sound: a study also if the server would take it.

    Raises:
        SpecError: it breaks rules; with every fault.
    """
    kind = _kind(document)
    if kind == "study":
        spec = admitted(document, limits)
        return Checked(kind=kind, name=spec.name, trainings=runs_at_most(spec))
    name = (document.to(SearchSpace) if kind == "space" else document.to(ScheduleFile)).name
    return Checked(kind=kind, name=name, trainings=None)


@cache
def _files() -> Sequence[Listed]:
    return tuple(
        Listed(kind=kind, name=name, about=_about(folder, name))
        for kind, folder in _FOLDERS.items()
        for name in bundled_names(folder)
    )


def _kind(document: Document) -> Literal["study", "space", "schedule"]:
    data = document.data
    tag = data.get("format") if isinstance(data, dict) else None
    for kind in _KINDS:
        if isinstance(tag, str) and tag.startswith(f"qsched/{kind}/"):
            return kind
    formats = ", ".join(f"`format: qsched/{kind}/1`" for kind in _KINDS)
    message = f"a file begins with one of {formats}"
    raise SpecError(document.source, [document.problem(message, ("format",))])


def _about(folder: str, name: str) -> str:
    return str(Document.read(bundled(folder) / f"{name}.yaml").data.get("about", ""))
