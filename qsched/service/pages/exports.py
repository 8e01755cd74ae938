"""What a study's page offers to take along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from qsched.errors import InputError
from qsched.service.accelerator import check_format
from qsched.service.deps import StudiesDep
from qsched.service.formats import Format, extent, written
from qsched.service.pages.html import Page
from qsched.specs import TaskSpec

__all__ = ["Group", "Link", "Lowering", "lowering", "offered", "router"]

router = APIRouter(include_in_schema=False, route_class=Page)


@router.get("/studies/{name}/lowered")
def lowered(
    name: str,
    studies: StudiesDep,
    to: Format = Format.TABLE,
    layers: Annotated[int | None, Query(ge=1, le=1000)] = None,
    steps: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
    epochs: Annotated[int | None, Query(ge=1, le=100_000)] = None,
    tolerance: Annotated[float, Query(ge=0, le=1)] = 1e-6,
) -> Response:
    """Send the schedule found for programs without qsched; refusals are pages, as a form needs."""
    file, spec = studies.best(name), studies.spec(name)
    check_format(spec, to)
    size = extent(spec.task, to, layers, epochs if to is Format.QUANTLAB else steps)
    return Response(
        written(file, to, size, tolerance),
        media_type=to.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}.{to.suffix}"'},
    )


@dataclass(frozen=True)
class Link:
    """A file: what the button says, where it is, and how it is called when saved."""

    label: str
    url: str
    filename: str


@dataclass(frozen=True)
class Group:
    """Files of one kind."""

    title: str
    about: str
    links: tuple[Link, ...]


def offered(name: str, ended: bool) -> tuple[Group, ...]:
    """Return the files that a study with results has: the schedule only after its end."""
    report = Group(
        "Report",
        "This page as one HTML file that works offline.",
        (Link("HTML", f"/v1/studies/{name}/report", f"{name}.html"),),
    )
    study = Group(
        "Study file",
        "With all defaults written out; “qsched run” repeats the study.",
        (Link("Study file", f"/v1/studies/{name}/file", f"{name}.yaml"),),
    )
    schedule = Group(
        "Schedule found",
        "With its origin and the accuracy to expect; “qsched train” retrains by it.",
        tuple(_schedule(name, form) for form in (Format.YAML, Format.JSON)),
    )
    return (schedule, report, study) if ended else (report, study)


def _schedule(name: str, form: Format) -> Link:
    url = f"/v1/studies/{name}/best?format={form.value}"
    return Link(form.value.upper(), url, f"{name}-schedule.{form.suffix}")


@dataclass(frozen=True)
class Lowering:
    """What the form for other programs starts from; None is not known of the task."""

    layers: int | None
    steps: int | None
    epochs: int


def lowering(task: TaskSpec) -> Lowering:
    """Return the extent of a task, as far as it is known."""
    try:
        size = extent(task, Format.TABLE)
    except InputError:
        return Lowering(None, None, task.epochs)
    return Lowering(size.layers, size.length, task.epochs)
