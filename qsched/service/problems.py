"""Errors as problem documents (RFC 9457, ``application/problem+json``)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from qsched.errors import (
    InputError,
    Problem,
    QschedError,
    SpecError,
    StorageError,
    UnknownNameError,
)
from qsched.service.errors import BusyError, MediaError, StateError

__all__ = [
    "MEDIA_TYPE",
    "Fault",
    "ProblemDocument",
    "handle_errors",
    "problem",
    "responses",
    "status_of",
]

MEDIA_TYPE = "application/problem+json"
_RETRY_SECONDS = 10
_SHOWN = 60


class Fault(BaseModel):
    """One fault of a study file or of a request.

    Attributes:
        detail: what is wrong, and how to mend it.
        pointer: where: keys and positions from the top of the file, or the parameter.
        line: line of the file.
    """

    detail: str
    pointer: str | None = None
    line: int | None = None


class ProblemDocument(BaseModel):
    """Why a request was refused (RFC 9457).

    Attributes:
        type: ``about:blank``: the status says which kind of problem it is.
        title: the status in words.
        status: the HTTP status.
        detail: what is wrong, and how to mend it.
        errors: every fault of the file that was sent, or of the parameters.
    """

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[Fault] = []


def problem(
    status: int,
    detail: str,
    errors: list[Fault] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return the response of a refused request."""
    document = ProblemDocument(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or []
    )
    return JSONResponse(
        document.model_dump(mode="json", exclude_none=True),
        status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how OpenAPI describes refusals with these statuses, besides those of every route."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in sorted({401, 403, 413, 421, 503, *statuses})
    }


def handle_errors(app: FastAPI) -> None:
    """Let ``app`` answer every error with a problem document."""
    app.add_exception_handler(QschedError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _parameters)


def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QschedError)
    headers = {"Retry-After": str(_RETRY_SECONDS)} if isinstance(error, BusyError) else None
    faults = [_fault(each) for each in error.problems] if isinstance(error, SpecError) else []
    detail = f"the file has {len(faults)} faults" if len(faults) > 1 else str(error)
    return problem(status_of(error), detail, faults, headers)


def status_of(error: QschedError) -> int:
    """Return the HTTP status of an error."""
    match error:
        case BusyError():
            return 429
        case StateError():
            return 409
        case MediaError():
            return 415
        case UnknownNameError():
            return 404
        case InputError():
            return 422
        case StorageError():
            return 503
        case _:
            return 500


def _fault(found: Problem) -> Fault:
    return Fault(detail=found.message, pointer=found.path or None, line=found.line)


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, error.detail, headers=error.headers)


def _parameters(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = [
        Fault(detail=_broken(each), pointer=".".join(map(str, each["loc"])))
        for each in error.errors()
    ]
    return problem(422, "the request's parameters break rules", faults)


def _broken(rule: Mapping[str, Any]) -> str:
    """Return a rule that a parameter breaks, and what was found."""
    message = str(rule["msg"]).removeprefix("Input ").removeprefix("Value error, ")
    found = rule.get("input")
    return f"{message}, but got `{found[:_SHOWN]}`" if isinstance(found, str) else message
