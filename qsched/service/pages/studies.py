"""The pages of studies: the list, one study, what it offers to take along."""

from __future__ import annotations

from math import ceil
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from qsched.errors import StorageError
from qsched.service.deps import Service, ServiceDep, StudiesDep
from qsched.service.pages.assets import map_style
from qsched.service.pages.exports import lowering, offered, to_accelerator
from qsched.service.pages.figure_cache import FigureCache
from qsched.service.pages.html import Page, part
from qsched.service.pages.html import page as html
from qsched.service.pages.lines import Line, line
from qsched.service.sessions import local
from qsched.service.studies import Studies

__all__ = ["router"]


def _figure_cache(request: Request) -> FigureCache:
    return cast(FigureCache, request.app.state.figure_cache)


FiguresDep = Annotated[FigureCache, Depends(_figure_cache)]

router = APIRouter(include_in_schema=False, route_class=Page)

_LISTED = 20
_MOST = 100_000

PageQuery = Annotated[int, Query(ge=1, le=_MOST)]
SearchQuery = Annotated[str, Query(max_length=100)]


@router.get("/login")
def login(request: Request, next: str = "/", failed: bool = False) -> Response:  # noqa: A002
    """Ask for a token."""
    return html(request, "login.html.jinja", {"next": local(next), "failed": failed})


@router.get("/")
def index(
    request: Request, service: ServiceDep, page: PageQuery = 1, q: SearchQuery = ""
) -> Response:
    """List studies, the newest first."""
    return html(request, "studies.html.jinja", {"here": "studies", **_listed(service, page, q)})


@router.get("/parts/studies")
def index_part(
    request: Request, service: ServiceDep, page: PageQuery = 1, q: SearchQuery = ""
) -> Response:
    """Return the list alone, as it is now."""
    return part(request, "part_studies.html.jinja", _listed(service, page, q))


@router.get("/studies/{name}")
def study(name: str, request: Request, studies: StudiesDep, figures: FiguresDep) -> Response:
    """Show a study."""
    found, spec = _line(studies, name), studies.spec(name)
    cached, fault = None, ""
    try:
        cached = figures.get(studies.snapshot(name))
    except StorageError as error:
        fault = str(error)  # The dashboard has deleted its trials; the rest is still there.
    ended = cached is not None and cached.results.verdict_table is not None
    context: dict[str, Any] = {
        "fault": fault,
        "line": found,
        "drawn": cached.version if cached else "",
        "view": cached.results if cached else None,
        "ended": ended,
        "figures": cached.results.figures if cached else {},
        "exports": offered(name, ended),
        "lowering": lowering(spec.task),
        "accelerator": to_accelerator(spec) if ended else (),
        "map_style": map_style(),
    }
    return html(request, "study.html.jinja", context)


@router.get("/parts/studies/{name}")
def study_part(name: str, request: Request, studies: StudiesDep, figures: FiguresDep) -> Response:
    """Return the progress of a study alone, as it is now, and which results there are."""
    context = {"line": _line(studies, name), "drawn": _version(figures, studies, name)}
    return part(request, "part_study.html.jinja", context)


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


def _listed(service: Service, number: int, search: str) -> dict[str, Any]:
    """Return a page of the list: reading all of many studies would take too long."""
    words = search.lower().split()
    names = service.queries.names(None, _MOST)
    found = [name for name in reversed(names) if all(word in name for word in words)]
    shown = found[_LISTED * (number - 1) : _LISTED * number]
    return {
        "lines": [_line(service.studies, name) for name in shown],
        "count": len(found),
        "number": number,
        "pages": max(1, ceil(len(found) / _LISTED)),
        "search": search,
        "any": bool(names),
    }


def _line(studies: Studies, name: str) -> Line:
    return line(studies.one(name), studies.spec(name))


def _version(figures: FigureCache, studies: Studies, name: str) -> str:
    """Return the version of a study's results; none where they cannot be read."""
    try:
        cached = figures.get(studies.snapshot(name))
    except StorageError:
        return ""
    return cached.version if cached else ""
