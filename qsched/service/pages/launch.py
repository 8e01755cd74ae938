"""The launch form: a bundled study file to change, checked while it is written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from qsched.errors import InputError, Problem, SpecError
from qsched.files import bundled, bundled_names
from qsched.service.admission import runs_at_most
from qsched.service.deps import ServiceDep
from qsched.service.documents import YAML, received
from qsched.service.models import Entry
from qsched.service.pages.html import Page, page, part
from qsched.service.problems import status_of
from qsched.service.studies import Studies
from qsched.specs import StudySpec
from qsched.specs.files import load_study

__all__ = ["router"]

router = APIRouter(include_in_schema=False, route_class=Page)

_DEFAULT = "digits-ana"

TextForm = Annotated[str, Form()]


@router.get("/new")
def new(request: Request, service: ServiceDep, study: str = _DEFAULT) -> Response:
    """Offer a bundled study file."""
    start = study if study in bundled_names("studies") else _DEFAULT
    text = (bundled("studies") / f"{start}.yaml").read_text(encoding="utf-8")
    return _form(
        request, text, start, _checked(service.studies, text, service.settings.limits.depth)
    )


@router.post("/new/check")
def check(request: Request, service: ServiceDep, text: TextForm = "") -> Response:
    """Return the faults of a study file, or what it would run."""
    found = _checked(service.studies, text, service.settings.limits.depth)
    return part(request, "part_check.html.jinja", found)


@router.post("/new")
def launch(request: Request, service: ServiceDep, text: TextForm = "") -> Response:
    """Launch a study and show it; one with faults comes back with them."""
    try:
        document = received(text.encode(), YAML[0], service.settings.limits.depth)
        study = service.studies.launch(document).study
    except SpecError as error:
        return _form(request, text, _DEFAULT, _faulty(error.problems), 422)
    except InputError as error:
        return _form(request, text, _DEFAULT, _faulty([Problem(str(error))]), status_of(error))
    return RedirectResponse(f"/studies/{study}", 303)


def _form(
    request: Request, text: str, start: str, found: dict[str, Any], status: int = 200
) -> Response:
    context = {"here": "new", "bundled": _bundled(), "start": start, "text": text, **found}
    return page(request, "launch.html.jinja", context, status)


def _checked(studies: Studies, text: str, depth: int) -> dict[str, Any]:
    try:
        spec = studies.check(received(text.encode(), YAML[0], depth))
    except SpecError as error:
        return _faulty(error.problems)
    return {"faults": (), "spec": spec, "plan": _plan(spec)}


def _faulty(problems: Sequence[Problem]) -> dict[str, Any]:
    return {"faults": problems, "spec": None, "plan": {}}


def _plan(spec: StudySpec) -> dict[str, str]:
    """Say what a study does, for people to check."""
    task, plan = spec.task, spec.confirmation
    rungs = ", ".join(str(rung.seeds) for rung in spec.budget.rungs)
    return {
        "Task": f"{task.data.name}, {task.network.name}, {task.epochs} epochs",
        "Weights": task.precision.weights,
        "Activations": task.precision.activations,
        "Search space": spec.space,
        "Candidates": f"{spec.budget.trials}, climbing {rungs} seeds",
        "Hand-coded": f"{len(spec.baselines)} schedules",
        "Confirmation": f"{plan.report_seeds} fresh seeds, {100 * plan.level:g} % intervals",
        "Trainings": f"{runs_at_most(spec):,} at the most",
    }


@cache
def _bundled() -> tuple[Entry, ...]:
    return tuple(
        Entry(name=name, about=load_study(name).about) for name in bundled_names("studies")
    )
