"""The launch form: a bundled study file to change, checked while it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import count
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from qsched.errors import InputError, Problem, SpecError
from qsched.files import bundled, bundled_names, to_yaml
from qsched.service.admission import runs_at_most
from qsched.service.deps import Service, ServiceDep
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
_MOST = 100_000

TextForm = Annotated[str, Form()]


@router.get("/new")
def new(request: Request, service: ServiceDep, study: str = _DEFAULT, again: str = "") -> Response:
    """Offer a bundled study file, or that of a stored study under a new name."""
    start = study if study in bundled_names("studies") else _DEFAULT
    text = _again(service, again) if again else _text(start)
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


def _text(name: str) -> str:
    return (bundled("studies") / f"{name}.yaml").read_text(encoding="utf-8")


def _again(service: Service, name: str) -> str:
    """Return the file of a stored study under the next name that is free."""
    data = service.studies.spec(name).model_dump(mode="json")
    stem, taken = re.sub(r"-\d+$", "", name), set(service.queries.names(None, _MOST))
    names = (f"{stem}-{number}" for number in count(2))
    return to_yaml({**data, "name": next(new for new in names if new not in taken)})


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
