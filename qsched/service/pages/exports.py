"""What a study's page offers to take along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from qsched.service.deps import StudiesDep
from qsched.service.formats import Format, Lowered, file_type, written
from qsched.service.pages.html import Page

__all__ = ["Group", "Link", "offered", "router"]

router = APIRouter(include_in_schema=False, route_class=Page)

_LABELS = {"yaml": "YAML", "json": "JSON"}


@router.get("/studies/{name}/lowered")
def lowered(
    name: str,
    studies: StudiesDep,
    to: Lowered = Lowered.TABLE,
    layers: Annotated[int, Query(ge=1, le=1000)] = 9,
    length: Annotated[int, Query(ge=1, le=100_000)] = 100,
    tolerance: Annotated[float, Query(ge=0, le=1)] = 1e-6,
) -> Response:
    """Send the schedule found for programs without qsched; refusals are pages, as a form needs."""
    text = written(studies.best(name), to, layers, length, tolerance)
    suffix, media_type = file_type(to)
    file = f'attachment; filename="{name}.{suffix}"'
    return Response(text, media_type=media_type, headers={"Content-Disposition": file})


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
    if not ended:
        return (report,)
    schedule = Group(
        "Schedule found",
        "With its origin and the accuracy to expect; “qsched train” retrains by it.",
        tuple(_schedule(name, form) for form in Format),
    )
    return (schedule, report)


def _schedule(name: str, form: Format) -> Link:
    label = _LABELS.get(form.value, form.value)
    url = f"/v1/studies/{name}/best?format={form.value}"
    return Link(label, url, f"{name}-schedule.{form.value}")
