"""The routes under ``/v1``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from qsched.files import to_yaml
from qsched.service import catalog
from qsched.service.accelerator import check_format
from qsched.service.deps import ServiceDep, StudiesDep
from qsched.service.documents import received
from qsched.service.errors import BusyError
from qsched.service.events import events
from qsched.service.formats import Format, extent, written
from qsched.service.models import (
    Checked,
    Entry,
    Launched,
    Listed,
    Page,
    RunItem,
    StudyDetail,
    StudyItem,
    Task,
    TrialItem,
)
from qsched.service.openapi import ANY_FILE, SIGNED_IN, STUDY_FILE, STUDY_SCHEMA
from qsched.service.problems import responses
from qsched.study.verdict import Verdict

__all__ = ["router"]

router = APIRouter(prefix="/v1", dependencies=list(SIGNED_IN))

NameParam = Annotated[
    str,
    Path(
        pattern="^[a-z0-9][a-z0-9-]*$",
        max_length=255,
        description="Name of a stored study.",
        examples=["digits-ana"],
    ),
]
NumberParam = Annotated[int, Query(ge=-1, le=2**53, description="Of the last item that you have.")]
_LARGEST = 1000
LimitParam = Annotated[int, Query(ge=1, le=_LARGEST, description="The most items to return.")]


@router.post(
    "/studies",
    status_code=201,
    tags=["studies"],
    openapi_extra=STUDY_FILE,
    responses={
        201: {"description": "It is new, and runs when there is room"},
        200: {"description": "It was stored already, by the same file", "model": Launched},
        **responses(409, 415, 422, 429),
    },
)
async def launch(
    request: Request, response: Response, service: ServiceDep, studies: StudiesDep
) -> Launched:
    """Launch a study. The same file sent again changes nothing."""
    document = received(
        await request.body(),
        request.headers.get("content-type", ""),
        service.settings.limits.depth,
    )
    launched = await run_in_threadpool(studies.launch, document)
    response.status_code = 201 if launched.created else 200
    response.headers["Location"] = f"/v1/studies/{launched.study}"
    return launched


@router.get("/studies", tags=["studies"], responses=responses(404, 422))
def study_list(
    studies: StudiesDep,
    after: Annotated[
        str | None,
        Query(
            pattern="^[a-z0-9][a-z0-9-]*$",
            max_length=255,
            description="Name of the last study that you have.",
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=50, description="The most items to return.")] = 50,
) -> Page[StudyItem]:
    """Say how far studies are, the oldest first."""
    return studies.page(after, limit)


@router.get(
    "/studies/{name}",
    tags=["studies"],
    response_model=StudyDetail,
    responses={
        304: {"description": "The client has this very answer already"},
        **responses(404, 422),
    },
)
def study(
    name: NameParam,
    service: ServiceDep,
    if_none_match: Annotated[
        str | None, Header(description="The `ETag` of an earlier answer.")
    ] = None,
) -> Response:
    """Say how far a study is, and what it was asked to do.

    It is that of a moment ago: one second, five while the database is slow.
    """
    return service.details.get(name).response(if_none_match)


@router.get("/studies/{name}/trials", tags=["studies"], responses=responses(404, 422))
def trials(
    name: NameParam,
    studies: StudiesDep,
    after: NumberParam = -1,
    limit: LimitParam = 100,
) -> Page[TrialItem]:
    """Return the schedules that a study tried, by number: baselines first, then candidates."""
    return studies.trials(name, after, limit)


@router.get("/studies/{name}/runs", tags=["studies"], responses=responses(404, 422))
def runs(
    name: NameParam,
    studies: StudiesDep,
    after: NumberParam = 0,
    limit: LimitParam = 100,
) -> Page[RunItem]:
    """Return the trainings of a study, as they were stored."""
    return studies.runs(name, after, limit)


@router.get(
    "/studies/{name}/best",
    tags=["studies"],
    response_class=Response,
    responses={
        200: {
            "description": "The schedule file",
            "content": {
                kind: {"schema": {"type": "string" if kind == "text/csv" else "object"}}
                for kind in ("application/yaml", "application/json", "text/csv")
            },
        },
        **responses(404, 409, 422),
    },
)
def best(
    name: NameParam,
    studies: StudiesDep,
    format: Annotated[Format, Query(description="How it is written.")] = Format.YAML,
    arm: Annotated[
        str | None,
        Query(
            max_length=200,
            description="Another schedule than the one found.",
            examples=["trial-40"],
        ),
    ] = None,
    layers: Annotated[
        int | None,
        Query(
            ge=1,
            le=1000,
            description="Quantized layers, for `quantlab` and `table`. Default: the study's.",
        ),
    ] = None,
    length: Annotated[
        int | None,
        Query(
            ge=1,
            le=1_000_000,
            description="Epochs for `quantlab`, steps for `table`. Default: the study's.",
        ),
    ] = None,
    tolerance: Annotated[
        float,
        Query(ge=0, le=1, description="How far `quantlab` may be off, in quanta."),
    ] = 1e-6,
) -> Response:
    """Return the schedule that a study found, as `qsched export` and `qsched lower` write it.

    Files for the accelerator (`cutie`) hold a trained network, and a study keeps none: the answer
    is a refusal, with the commands that write them where the accelerator can compute the task.
    """
    file, spec = studies.best(name, arm), studies.spec(name)
    check_format(spec, format)
    size = extent(spec.task, format, layers, length)
    return Response(
        written(file, format, size, tolerance),
        media_type=format.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}.{format.suffix}"'},
    )


@router.get(
    "/studies/{name}/file",
    tags=["studies"],
    response_class=Response,
    responses={
        200: {
            "description": "The study file",
            "content": {"application/yaml": {"schema": {"$ref": STUDY_SCHEMA}}},
        },
        **responses(404, 422),
    },
)
def study_file(name: NameParam, studies: StudiesDep) -> Response:
    """Return the file of a study with all defaults written out, to launch or run again."""
    text = to_yaml(studies.spec(name).model_dump(mode="json"))
    file = f'attachment; filename="{name}.yaml"'
    return Response(text, media_type="application/yaml", headers={"Content-Disposition": file})


@router.get("/studies/{name}/verdict", tags=["studies"], responses=responses(404, 409, 422))
def verdict(name: NameParam, studies: StudiesDep) -> Verdict:
    """Return what a study found against hand-coded schedules; 409 before its end."""
    return studies.verdict(name)


@router.get(
    "/studies/{name}/report",
    tags=["studies"],
    response_class=Response,
    responses={
        200: {
            "description": "One page that works offline",
            "content": {"text/html": {"schema": {"type": "string"}}},
        },
        **responses(404, 422),
    },
)
def report(name: NameParam, studies: StudiesDep) -> Response:
    """Return the report of a study, a file to keep: `qsched report` writes the same."""
    file = f'attachment; filename="{name}.html"'
    return Response(
        studies.report(name), media_type="text/html", headers={"Content-Disposition": file}
    )


def _known(name: NameParam, studies: StudiesDep) -> str:
    """Return the name of a study that is there: once a stream has begun, it is too late."""
    return studies.snapshot(name).row.name


async def _slot(service: ServiceDep) -> AsyncIterator[None]:
    """Hold one of the event streams that may be open at once."""
    if not service.streams.acquire():
        raise BusyError("no further event stream may be open; close one, or ask again later")
    try:
        yield
    finally:
        service.streams.release()


@router.get(
    "/studies/{name}/events",
    tags=["studies"],
    response_class=EventSourceResponse,
    dependencies=[Depends(_slot)],
    responses=responses(404, 422, 429),
)
async def event_stream(
    request: Request,
    name: Annotated[str, Depends(_known)],
    service: ServiceDep,
    studies: StudiesDep,
    last_event_id: Annotated[
        str | None,
        Header(
            pattern="^[0-9]{1,15}$", description="Number of the last trial that you have seen."
        ),
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Follow a study by events, each with JSON as its data, until `end`.

    `state` and `end` tell a state; `rung` tells that candidates were promoted: its number, the
    phase and, in words, how many schedules climb on how many seeds. None is left out: a new
    stream begins with those so far (the last 256). `progress` is that of `GET
    /v1/studies/{name}`; `best` is the best candidate so far; `trial` is an item of
    `/trials`, its `rungs` the mean after each rung that it climbed. A comment every 15 s tells
    that the server lives. A stream also ends with the token that it was opened with.
    """
    after = int(last_event_id) if last_event_id is not None else -1
    authenticator = service.authenticator

    def authorized() -> bool:
        return authenticator.principal(request) is not None

    async for event in events(studies, name, after, service.settings.refresh, authorized):
        yield event


@router.post("/studies/{name}/stop", tags=["studies"], responses=responses(404, 409, 422))
def stop(name: NameParam, studies: StudiesDep) -> StudyItem:
    """Stop a study after what it trains just now; nothing that it finished is lost."""
    return studies.stop(name)


@router.post("/studies/{name}/resume", tags=["studies"], responses=responses(404, 409, 422, 429))
def resume(name: NameParam, studies: StudiesDep) -> StudyItem:
    """Let a study that was stopped or that failed go on where it was."""
    return studies.resume(name)


@router.post("/check", tags=["files"], openapi_extra=ANY_FILE, responses=responses(415, 422))
async def check(request: Request, service: ServiceDep) -> Checked:
    """Check a file as `qsched validate` does, a study also for what this server would take."""
    limits = service.settings.limits
    document = received(
        await request.body(), request.headers.get("content-type", ""), limits.depth
    )
    return await run_in_threadpool(catalog.checked, document, limits)


@router.get("/catalog", tags=["files"], responses=responses())
def listed() -> list[Listed]:
    """Return what `qsched ls` lists: bundled files, and the names that tasks are made of."""
    return list(catalog.catalog())


@router.get("/schedules", tags=["files"], responses=responses(422))
def schedules(
    after: Annotated[
        str | None, Query(max_length=200, description="Name of the last one that you have.")
    ] = None,
    limit: LimitParam = 100,
) -> Page[Entry]:
    """Return the bundled hand-coded schedules, by name."""
    rest = [entry for entry in catalog.schedules() if after is None or entry.name > after]
    items = rest[:limit]
    return Page(items=items, next=items[-1].name if len(rest) > limit else None)


@router.get("/tasks", tags=["files"], responses=responses())
def tasks() -> list[Task]:
    """Return the names of data sets and networks that the task of a study file may use."""
    return list(catalog.tasks())
