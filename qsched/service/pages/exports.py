"""What a study's page offers to take along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from qsched.errors import InputError
from qsched.schedules.lower import layer_places, lower
from qsched.service.deps import StudiesDep
from qsched.service.formats import Format
from qsched.service.pages.html import Page

__all__ = ["Group", "Link", "offered", "router"]

router = APIRouter(include_in_schema=False, route_class=Page)

_LABELS = {"yaml": "YAML", "json": "JSON"}
_FILES = {"table": ("csv", "text/csv"), "quantlab": ("quantlab.json", "application/json")}
_ROWS = 200_000


@router.get("/studies/{name}/lowered")
def lowered(
    name: str,
    studies: StudiesDep,
    to: Literal["table", "quantlab"] = "table",
    layers: Annotated[int, Query(ge=1, le=1000)] = 9,
    length: Annotated[int, Query(ge=1, le=_ROWS)] = 100,
    tolerance: Annotated[float, Query(ge=0, le=1)] = 1e-6,
) -> Response:
    """Send the schedule found for programs without qsched, as ``qsched lower`` writes it."""
    if layers * length > _ROWS:
        raise InputError(
            f"the server writes tables of at most {_ROWS} steps times layers, but got "
            f"{layers * length}; download the schedule and run `qsched lower`"
        )
    suffix, media_type = _FILES[to]
    text = lower(studies.best(name), to, layer_places(layers), length=length, tolerance=tolerance)
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
