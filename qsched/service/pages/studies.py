"""The pages of studies: the list, one study, what it offers to take along."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from qsched.report.tables import verdict_table
from qsched.service.accelerator import commands
from qsched.service.deps import Service, ServiceDep, StudiesDep
from qsched.service.pages.assets import map_style
from qsched.service.pages.exports import lowering, offered
from qsched.service.pages.html import Page, part
from qsched.service.pages.html import page as html
from qsched.service.pages.views import StudyViews
from qsched.service.sessions import local

__all__ = ["router"]


async def _views(request: Request) -> StudyViews:
    return cast(StudyViews, request.app.state.views)


ViewsDep = Annotated[StudyViews, Depends(_views)]

router = APIRouter(include_in_schema=False, route_class=Page)

_LISTED = 20
_MOST = 100_000

PageQuery = Annotated[int, Query(ge=1, le=_MOST)]
SearchQuery = Annotated[str, Query(max_length=100)]


@router.get("/login")
def login(request: Request, next: str = "/", failed: bool = False) -> Response:
    """Ask for a token."""
    return html(request, "login.html.jinja", {"next": local(next), "failed": failed})


@router.get("/")
def index(
    request: Request,
    service: ServiceDep,
    views: ViewsDep,
    page: PageQuery = 1,
    q: SearchQuery = "",
) -> Response:
    """List studies, the newest first."""
    listed = _listed(service, views, page, q)
    return html(request, "studies.html.jinja", {"here": "studies", **listed})


@router.get("/parts/studies")
def index_part(
    request: Request,
    service: ServiceDep,
    views: ViewsDep,
    page: PageQuery = 1,
    q: SearchQuery = "",
) -> Response:
    """Return the list alone, as it is now."""
    return part(request, "part_studies.html.jinja", _listed(service, views, page, q))


@router.get("/studies/{name}")
def study(name: str, request: Request, studies: StudiesDep, views: ViewsDep) -> Response:
    """Show a study with the results that are drawn; the page asks for others by itself."""
    found, snapshot = views.lines.get(name), studies.snapshot(name)
    cached, current = views.figures.get(snapshot), views.figures.is_current(snapshot)
    view = cached.results if cached is not None else None
    verdict = studies.verdict(name) if snapshot.row.verdict is not None else None
    context: dict[str, Any] = {
        "fault": cached.fault if cached is not None else "",
        "line": found,
        "drawn": cached.version if cached is not None else "",
        "view": view,
        "drawing": not current and (cached is None or found.over),
        "sentence": verdict.sentence if verdict else view.sentence if view else "",
        "verdict_table": verdict_table(verdict) if verdict else None,
        "ended": verdict is not None,
        "figures": view.figures if view is not None else {},
        "exports": offered(name, verdict is not None),
        "lowering": lowering(snapshot.row.spec.task),
        "accelerator": commands(snapshot.row.spec) if verdict else (),
        "map_style": map_style(),
    }
    return html(request, "study.html.jinja", context)


@router.get("/parts/studies/{name}")
def study_part(name: str, request: Request, views: ViewsDep) -> Response:
    """Return the progress of a study alone, as it is now, and which results there are."""
    return views.parts.get(name).response(request.headers.get("if-none-match"))


@router.post("/studies/{name}/stop")
def stop(name: str, studies: StudiesDep) -> Response:
    """Stop a study, and show it."""
    studies.stop(name)
    return RedirectResponse(f"/studies/{name}", 303)


@router.post("/studies/{name}/resume")
def resume(name: str, studies: StudiesDep) -> Response:
    """Let a study go on, and show it."""
    studies.resume(name)
    return RedirectResponse(f"/studies/{name}", 303)


def _listed(service: Service, views: StudyViews, number: int, search: str) -> dict[str, Any]:
    """Return a page of the list: reading all of many studies would take too long."""
    words = search.lower().split()
    names = service.queries.names(None, _MOST)
    found = [name for name in reversed(names) if all(word in name for word in words)]
    shown = found[_LISTED * (number - 1) : _LISTED * number]
    return {
        "lines": [views.lines.get(name) for name in shown],
        "count": len(found),
        "number": number,
        "pages": max(1, ceil(len(found) / _LISTED)),
        "search": search,
        "any": bool(names),
    }
