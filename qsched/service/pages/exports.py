"""What a study's page offers to take along."""

from __future__ import annotations

from dataclasses import dataclass

from qsched.service.formats import Format

__all__ = ["Group", "Link", "offered"]

_LABELS = {"yaml": "YAML", "json": "JSON"}


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
